// ----- view: which cards, boxes and edges there are at the moment -----

const state = { open: new Set(), front: -1, step: 0, chosen: null, colour: "kind", playing: null };
let scene = null; // items by key, edges, moments
const view = { x: 0, y: 0, k: 1 };

/** For every group, the outermost closed group around it (or itself), or null. */
function hiders(open) {
  const hider = new Map();
  for (const g of groups) hider.set(g.id, hider.get(g.parent) ?? (open.has(g.id) ? null : g.id));
  return hider;
}
const keyIn = (hider, n) => {
  const g = hider.get(n.group) ?? null;
  return g === null ? `n${n.id}` : `g${g}`;
};
function countShown(open) {
  const hider = hiders(open);
  return new Set(nodes.map((n) => keyIn(hider, n))).size;
}

function buildScene() {
  const hider = hiders(state.open);
  const keyOf = nodes.map((n) => keyIn(hider, n));
  const items = new Map();
  for (const n of nodes) {
    const key = keyOf[n.id];
    if (items.has(key)) continue;
    const group = key[0] === "g" ? groupById.get(Number(key.slice(1))) : null;
    items.set(key, {
      key, group, node: group ? exit(group) : n, scope: group ? group.parent : n.group, first: n.id, inputs: [], users: [],
      leaf: (group ? group.members : [n]).every((m) => isSide[m.id]),
      grads: group ? group.members.some((m) => m.grads) : n.grads, all: group ? group.members : [n],
    });
  }
  const boxes = groups.filter((g) => hider.get(g.id) === null && g.members.length);
  return { hider, keyOf, items, boxes, edges: joinEdges(keyOf, items), ...findMoments(keyOf, items) };
}

function joinEdges(keyOf, items) {
  const edges = new Map();
  for (const n of nodes) {
    n.inputs.forEach((i, at) => {
      const from = keyOf[i], to = keyOf[n.id];
      if (from === to) return;
      const key = `${from}>${to}`;
      if (!edges.has(key)) {
        edges.set(key, { key, from, to, broadcast: false, grads: false, saved: true, pull: true, parameter: nodes[i].kind === "parameter", length: 0 });
        items.get(to).inputs.push(from);
        items.get(from).users.push(to);
      }
      const e = edges.get(key);
      e.broadcast ||= Boolean(n.broadcast[at]);
      e.grads ||= nodes[i].grads && n.grads;
      e.saved &&= nodes[i].phase !== "backward" && n.phase === "backward";
      e.pull &&= nodes[i].phase === "backward" && n.phase === "backward";
      e.length = Math.max(e.length, depth[i] + height[n.id]);
    });
  }
  return [...edges.values()];
}

/**
 * The moments of the walk: a card is passed when the last of its nodes has its gradient. Leaves are no moments of
 * their own, because nothing is pulled through them: they are complete with the last of their users.
 */
function findMoments(keyOf, items) {
  const place = new Map();
  order.forEach((id, at) => { if (!isLeaf(nodes[id])) place.set(keyOf[id], at); });
  const moments = [...place].map(([key, at]) => ({ key, at })).sort((a, b) => a.at - b.at);
  for (const item of items.values()) {
    if (place.has(item.key) || !item.grads) continue;
    const ends = item.all.flatMap((n) => users[n.id]).filter((u) => nodes[u].grads).map((u) => place.get(keyOf[u]));
    if (ends.length && ends.every((e) => e !== undefined)) place.set(item.key, Math.max(...ends));
  }
  return { moments, place };
}
