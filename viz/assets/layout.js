// ----- layout: layers, order within them, straight lines; scope by scope, from the inside out -----

const GAP = 27, PAD = 16, HEAD = 31, LEAF_WEIGHT = 1, SPINE_WEIGHT = 6, LONG_WEIGHT = 8;

/**
 * Give every card and box {x, y, w, h} and every edge its way points.
 *
 * An open group is a scope with a layout of its own; edges enter and leave it through ports, which are vertices of no
 * size in its first and last layer. In the scope around it the group is one box, with the ports at known places.
 */
function layOut(scene) {
  const scopes = new Map([[null, newScope(null)]]);
  for (const g of scene.boxes) scopes.set(g.id, newScope(g));
  for (const g of scene.boxes) addVertex(scopes.get(g.parent), `b${g.id}`, { box: scopes.get(g.id), first: g.first });
  for (const item of scene.items.values()) {
    const size = measureItem(item);
    addVertex(scopes.get(item.scope), item.key, { item, first: item.first, leaf: item.leaf, w: size.w, h: size.h });
  }
  for (const e of scene.edges) e.route = routeEdge(e, scene, scopes);
  for (const scope of [...scopes.values()].reverse()) layOutScope(scope); // children stand after their parents
  placeScope(scopes.get(null), 0, 0);
  for (const e of scene.edges) e.points = wayPoints(e);
  return scopes;
}

function newScope(group) {
  return { group, vertices: new Map(), hops: new Map(), w: 0, h: 0 };
}

function addVertex(scope, name, more) {
  if (!scope.vertices.has(name)) {
    scope.vertices.set(name, { name, w: 0, h: 0, x: 0, y: 0, layer: 0, leaf: false, port: null, first: 0, ups: [], downs: [], ...more });
  }
  return scope.vertices.get(name);
}

/** Cut an edge into hops, one for each scope that it crosses; hops with the same two ends are shared. */
function routeEdge(e, scene, scopes) {
  const source = scene.items.get(e.from), target = scene.items.get(e.to);
  const up = lineage(source.scope).map((g) => g.id), down = lineage(target.scope).map((g) => g.id);
  while (up.length && down.length && up.at(-1) === down.at(-1)) { up.pop(); down.pop(); }
  const common = up.length ? groupById.get(up.at(-1)).parent : down.length ? groupById.get(down.at(-1)).parent : source.scope;
  const route = [];
  const hop = (scopeId, from, to) => {
    const hops = scopes.get(scopeId).hops, key = `${from}|${to}|${e.from}`;
    if (!hops.has(key)) hops.set(key, { from, to, source: e.from, leaf: source.leaf, broadcast: false, back: false, length: 0 });
    const found = hops.get(key);
    found.broadcast ||= e.broadcast && to === e.to;
    found.length = Math.max(found.length, e.length);
    route.push({ scope: scopes.get(scopeId), hop: found });
  };
  const port = (id, side) => addVertex(scopes.get(id), `${side}:${e.from}`, { port: side, leaf: source.leaf, first: side === "in" ? -1 : nodes.length }).name;
  let at = e.from;
  for (const id of up) { hop(id, at, port(id, "out")); at = `b${id}`; }
  const last = down.length ? `b${down.at(-1)}` : e.to;
  hop(common, at, last);
  for (let i = down.length - 1; i >= 0; i--) hop(down[i], port(down[i], "in"), i ? `b${down[i - 1]}` : e.to);
  return route;
}

function layOutScope(scope) {
  const vertices = [...scope.vertices.values()].sort((a, b) => a.first - b.first);
  const hops = [...scope.hops.values()];
  for (const v of vertices) if (v.box) Object.assign(v, { w: v.box.w, h: v.box.h });
  rankVertices(scope, vertices, hops);
  const layers = linkLayers(scope, vertices, hops);
  orderLayers(layers);
  const runs = straightRuns(layers);
  placeRuns(runs, layers);
  const [left, right] = extent(layers);
  const head = scope.group ? measureHeader(scope.group) : 0, entry = Math.min(...layers[0].map((v) => (v.port === "in" ? v.x : Infinity)));
  const clear = Math.min(70, Math.max(0, head - (entry - left))); // so that what comes in passes the title at its right
  scope.w = Math.max(right - left + clear + 2 * PAD, head + 2 * PAD - 8);
  const shift = (scope.w - (right - left) + clear) / 2 - left;
  for (const layer of layers) for (const v of layer) v.x += shift;
  spreadArrivals(layers);
  scope.h = stackLayers(scope, layers);
}

/** Layers by longest path from above; what only comes from leaves is pulled down to its first user. */
function rankVertices(scope, vertices, hops) {
  const ins = new Map(vertices.map((v) => [v, []])), outs = new Map(vertices.map((v) => [v, []]));
  for (const hop of hops) {
    Object.assign(hop, { a: scope.vertices.get(hop.from), b: scope.vertices.get(hop.to) });
    ins.get(hop.b).push(hop);
    outs.get(hop.a).push(hop);
  }
  const sorted = sortTopologically(vertices, ins, outs);
  const top = vertices.some((v) => v.port === "in") ? 1 : 0;
  for (const v of sorted) {
    v.layer = v.port === "in" ? 0 : top;
    for (const hop of ins.get(v)) if (!hop.back) v.layer = Math.max(v.layer, hop.a.layer + 1);
    v.light = !v.port && (v.leaf || ins.get(v).length === 0);
  }
  let bottom = Math.max(...sorted.map((v) => (v.port === "out" ? 0 : v.layer)));
  for (const v of sorted) if (v.port === "out") v.layer = bottom + 1;
  for (const v of [...sorted].reverse()) {
    const below = outs.get(v).filter((hop) => !hop.back).map((hop) => hop.b.layer);
    if (v.light && below.length) v.layer = Math.min(...below) - 1;
  }
  // a layer that the pulling has emptied is taken out
  const used = [...new Set(sorted.map((v) => v.layer))].sort((a, b) => a - b);
  const rank = new Map(used.map((layer, i) => [layer, i]));
  for (const v of sorted) v.layer = rank.get(v.layer);
}

/** Sources first. Closing a group can make a circle: then the hops that close it are marked, and left out. */
function sortTopologically(vertices, ins, outs) {
  const missing = new Map(vertices.map((v) => [v, ins.get(v).length]));
  const ready = vertices.filter((v) => missing.get(v) === 0), sorted = [], seen = new Set(ready);
  let next = 0;
  for (let i = 0; sorted.length < vertices.length; i++) {
    if (i === ready.length) {
      while (seen.has(vertices[next])) next++;
      for (const hop of ins.get(vertices[next])) hop.back = !seen.has(hop.a);
      seen.add(vertices[next]);
      ready.push(vertices[next]);
    }
    const v = ready[i];
    sorted.push(v);
    for (const hop of outs.get(v)) {
      missing.set(hop.b, missing.get(hop.b) - 1);
      if (missing.get(hop.b) === 0 && !seen.has(hop.b)) { seen.add(hop.b); ready.push(hop.b); }
    }
  }
  return sorted;
}

/**
 * Split long hops at every layer. All hops from one source share one trunk of dummies, so that a value that is used
 * in thirty places draws one line with thirty branches.
 */
function linkLayers(scope, vertices, hops) {
  const depth = Math.max(...vertices.map((v) => v.layer)) + 1;
  const layers = Array.from({ length: depth }, () => []);
  for (const v of vertices) layers[v.layer].push(v);
  const trunks = new Map();
  for (const hop of hops) {
    hop.via = [];
    if (hop.back) continue;
    const key = `${hop.from}|${hop.source}`;
    if (!trunks.has(key)) trunks.set(key, []);
    const trunk = trunks.get(key);
    for (let at = hop.a.layer + 1; at < hop.b.layer; at++) {
      const i = at - hop.a.layer - 1;
      if (i === trunk.length) {
        const dummy = { dummy: true, leaf: hop.leaf, w: 0, h: 0, x: 0, y: 0, layer: at, ups: [], downs: [], first: hop.a.first };
        link(i ? trunk[i - 1] : hop.a, dummy, hop, i ? 0 : portShift(hop.a, "out", hop.source), 0);
        layers[at].push(dummy);
        trunk.push(dummy);
      }
      hop.via.push(trunk[i]);
    }
    const above = hop.via.at(-1) || hop.a;
    hop.link = link(above, hop.b, hop, above === hop.a ? portShift(hop.a, "out", hop.source) : 0, portShift(hop.b, "in", hop.source));
  }
  return layers;
}

function link(a, b, hop, ao, bo) {
  const weight = hop.leaf ? LEAF_WEIGHT : a.dummy && b.dummy ? LONG_WEIGHT : SPINE_WEIGHT;
  const made = { a, b, ao, bo, weight, leaf: hop.leaf, length: hop.length, broadcast: hop.broadcast, straight: false };
  a.downs.push(made);
  b.ups.push(made);
  return made;
}

/** How far right of a box's middle its port for a source is. */
function portShift(v, side, source) {
  return v.box ? v.box.vertices.get(`${side}:${source}`).x - v.box.w / 2 : 0;
}

// .. order: barycentre sweeps, the best of them kept

const standing = (v) => (v.leaf ? 0 : v.dummy ? 2 : 1); // leaves hang at the left, long lines pass at the right

function orderLayers(layers) {
  for (const layer of layers) {
    layer.sort((a, b) => a.first - b.first || standing(a) - standing(b));
    layer.forEach((v, i) => { v.at = i; });
  }
  let best = null, fewest = Infinity;
  for (let sweep = 0; sweep < 14 && fewest > 0; sweep++) {
    const down = sweep % 2 === 1;
    const sequence = down ? layers : [...layers].reverse();
    for (const layer of sequence) sortLayer(layer, down ? "ups" : "downs");
    const crossings = countCrossings(layers);
    if (crossings < fewest) {
      fewest = crossings;
      best = layers.map((layer) => [...layer]);
    }
  }
  layers.forEach((layer, i) => {
    layer.splice(0, layer.length, ...best[i]);
    layer.forEach((v, at) => { v.at = at; });
  });
}

/** Sort a layer by the mean place of its neighbours on one side; who has none there keeps its place. */
function sortLayer(layer, side) {
  const movable = layer.filter((v) => v[side].length);
  for (const v of movable) {
    let sum = 0, weight = 0;
    for (const l of v[side]) {
      const [other, offset, own] = side === "ups" ? [l.a, l.ao, l.bo] : [l.b, l.bo, l.ao];
      sum += l.weight * (other.at + fraction(other, offset) - fraction(v, own));
      weight += l.weight;
    }
    v.mean = sum / weight;
  }
  movable.sort((a, b) => (Math.abs(a.mean - b.mean) > 1e-9 ? a.mean - b.mean : standing(a) - standing(b) || a.at - b.at));
  let next = 0;
  layer.forEach((v, i) => { if (v[side].length) layer[i] = movable[next++]; });
  layer.forEach((v, i) => { v.at = i; });
}
const fraction = (v, offset) => (v.box ? offset / (v.w + 1) : 0);

/** Crossings between all pairs of layers, by a Fenwick tree over the lower one. */
function countCrossings(layers) {
  let total = 0;
  for (let i = 1; i < layers.length; i++) {
    const ends = layers[i - 1].flatMap((v) => v.downs.map((l) => [v.at + fraction(v, l.ao), l.b.at + fraction(l.b, l.bo)]));
    ends.sort((p, q) => p[0] - q[0] || p[1] - q[1]);
    const places = [...new Set(ends.map((e) => e[1]))].sort((a, b) => a - b);
    const rank = new Map(places.map((p, at) => [p, at + 1]));
    const tree = new Array(places.length + 1).fill(0);
    ends.forEach(([, low], seen) => {
      let notRight = 0;
      for (let k = rank.get(low); k > 0; k -= k & -k) notRight += tree[k];
      total += seen - notRight;
      for (let k = rank.get(low); k < tree.length; k += k & -k) tree[k]++;
    });
  }
  return total;
}

// .. x: straight runs are rigid, and move together to the mean of what they are tied to

/** Choose the links that will be straight: at most one up and one down per vertex, none crossing another. */
function straightRuns(layers) {
  const rank = (l) => (l.leaf ? 0 : l.a.dummy && l.b.dummy ? 2 : 1);
  const runs = [];
  for (let i = 0; i < layers.length; i++) {
    const links = i ? layers[i].flatMap((v) => v.ups) : [];
    links.sort((p, q) => rank(q) - rank(p) || q.length - p.length || standing(p.a) - standing(q.a) || p.a.at - q.a.at);
    const taken = [];
    for (const l of links) {
      const clash = taken.some((t) => t.a === l.a || t.b === l.b || (t.a.at - l.a.at) * (t.b.at - l.b.at) < 0);
      if (clash) continue;
      taken.push(l);
      l.straight = true;
      l.a.run.vertices.push(l.b);
      Object.assign(l.b, { run: l.a.run, inRun: l.a.inRun + l.ao - l.bo });
    }
    for (const v of layers[i]) {
      if (v.ups.some((l) => l.straight)) continue;
      Object.assign(v, { run: { vertices: [v], x: 0, ties: [], after: [], before: [] }, inRun: 0 });
      runs.push(v.run);
    }
  }
  return runs;
}

const spacing = (a, b) => (a.dummy && b.dummy ? 11 : a.dummy || b.dummy || a.port || b.port ? 15 : 22);

/**
 * Move every run to the weighted mean of what it is tied to, as near as the distances allow, again and again. Half a
 * step at a time, or two runs that want each other's place would swap it for ever.
 */
function placeRuns(runs, layers) {
  for (const layer of layers) {
    layer.forEach((v, i) => {
      for (const l of v.ups) {
        if (l.straight || l.a.run === v.run) continue;
        const lean = v.inRun + l.bo - l.a.inRun - l.ao;
        v.run.ties.push({ to: l.a.run, lean: -lean, weight: l.weight });
        l.a.run.ties.push({ to: v.run, lean, weight: l.weight });
      }
      if (!i) return;
      const left = layer[i - 1], gap = (left.w + v.w) / 2 + spacing(left, v) + left.inRun - v.inRun;
      v.run.after.push({ left: left.run, gap });
      left.run.before.push(v.run);
    });
  }
  const sorted = sortRuns(runs);
  for (const run of sorted) Object.assign(run, { weight: run.ties.reduce((sum, t) => sum + t.weight, 0.05), wish: 0 });
  separate(sorted);
  const rounds = runs.length > 800 ? 12 : 40;
  for (let round = 0; round < rounds; round++) {
    for (const run of sorted) {
      const sum = run.ties.reduce((total, t) => total + t.weight * (t.to.x + t.lean), 0.05 * run.x);
      run.wish = (run.x + sum / run.weight) / 2;
    }
    separate(sorted);
  }
  for (const run of runs) for (const v of run.vertices) v.x = run.x + v.inRun;
}

function sortRuns(runs) {
  for (const run of runs) run.waits = run.after.length;
  const sorted = runs.filter((run) => run.waits === 0);
  for (let i = 0; i < sorted.length; i++) for (const next of sorted[i].before) if (--next.waits === 0) sorted.push(next);
  return sorted;
}

/**
 * Least squares under minimum distances: runs that push each other become one cluster at its weighted mean. With one
 * layer this is isotonic regression by pooling adjacent violators; here the order is partial.
 */
function separate(sorted) {
  for (const run of sorted) {
    run.cluster = { runs: [run], x: run.wish, weight: run.weight };
    run.inCluster = 0;
  }
  for (const run of sorted) {
    for (;;) {
      const c = run.cluster;
      let worst = null, most = 1e-6;
      for (const r of c.runs) {
        for (const { left, gap } of r.after) {
          if (left.cluster === c) continue;
          const violation = left.cluster.x + left.inCluster + gap - c.x - r.inCluster;
          if (violation > most) { most = violation; worst = { left, gap, r }; }
        }
      }
      if (!worst) break;
      joinClusters(worst.left.cluster, c, worst.left.inCluster + worst.gap - worst.r.inCluster);
    }
  }
  for (const run of sorted) run.x = run.cluster.x + run.inCluster;
}

function joinClusters(a, b, shift) {
  const weight = a.weight + b.weight, x = (a.weight * a.x + b.weight * (b.x - shift)) / weight;
  const [big, small, by] = a.runs.length >= b.runs.length ? [a, b, shift] : [b, a, -shift];
  for (const r of small.runs) { r.inCluster += by; r.cluster = big; big.runs.push(r); }
  Object.assign(big, { weight, x: big === a ? x : x + shift });
}

function extent(layers) {
  let left = Infinity, right = -Infinity;
  for (const layer of layers) for (const v of layer) {
    left = Math.min(left, v.x - v.w / 2);
    right = Math.max(right, v.x + v.w / 2);
  }
  return [left, right];
}

/** Arrows into one card arrive side by side, in the order they come from; the straight one in the middle. */
function spreadArrivals(layers) {
  for (const layer of layers) for (const v of layer) {
    if (v.box || v.dummy || v.port || v.ups.length < 2) continue;
    const links = [...v.ups].sort((p, q) => p.a.x + p.ao - q.a.x - q.ao);
    const middle = links.findIndex((l) => l.straight);
    const step = Math.min(14, (v.w - 20) / links.length);
    links.forEach((l, i) => { l.bo = step * (i - (middle < 0 ? (links.length - 1) / 2 : middle)); });
    const far = Math.max(...links.map((l) => Math.abs(l.bo))), room = v.w / 2 - 10;
    if (far > room) links.forEach((l) => { l.bo *= room / far; });
  }
}

/** y: layers below each other; a gap grows with the sideways way that its edges must go. */
function stackLayers(scope, layers) {
  let y = scope.group ? HEAD : 0;
  layers.forEach((layer, i) => {
    const ports = layer.every((v) => v.port === "in");
    const links = layer.flatMap((v) => v.ups);
    if (i > 0 && layer.some((v) => v.port !== "out")) {
      const sideways = Math.max(0, ...links.map((l) => Math.abs(l.a.x + l.ao - l.b.x - l.bo)));
      const first = layers[i - 1].every((v) => v.port === "in");
      y += (first ? 5 : GAP) + Math.min(36, sideways * 0.11) + (links.some((l) => l.broadcast) ? 5 : 0);
    } else if (i > 0) y += PAD;
    layer.top = ports ? 0 : y;
    const height = Math.max(...layer.map((v) => v.h));
    for (const v of layer) {
      v.y = layer.top + (v.leaf ? height - v.h : (height - v.h) / 2);
      Object.assign(v, { top: layer.top, bottom: layer.top + height });
    }
    if (!ports) y += height;
  });
  const open = layers.at(-1).every((v) => v.port === "out");
  return y + (scope.group && !open ? PAD : 0);
}

function placeScope(scope, x, y) {
  Object.assign(scope, { x, y });
  for (const v of scope.vertices.values()) {
    if (v.box) placeScope(v.box, x + v.x - v.w / 2, y + v.y);
    if (v.item) Object.assign(v.item, { x: x + v.x, y: y + v.y, w: v.w, h: v.h });
  }
}

function wayPoints(e) {
  const points = [];
  for (const { scope, hop } of e.route) {
    const { a, b } = hop, add = (x, y) => points.push([scope.x + x, scope.y + y]);
    if (hop.back) { goAround(scope, hop, add); continue; }
    const first = hop.via.length ? hop.via[0].ups[0] : hop.link;
    add(a.x + first.ao, a.y + a.h);
    add(a.x + first.ao, a.bottom);
    for (const v of hop.via) { add(v.x, v.top); add(v.x, v.bottom); }
    add(b.x + hop.link.bo, b.top);
    add(b.x + hop.link.bo, b.y);
  }
  return points.filter((p, i) => !i || Math.abs(p[0] - points[i - 1][0]) + Math.abs(p[1] - points[i - 1][1]) > 0.4);
}

/** An edge that closes a circle between cards goes back up outside, at the right. */
function goAround(scope, { a, b, source }, add) {
  const ax = a.x + portShift(a, "out", source), bx = b.x + portShift(b, "in", source), side = scope.w - 5;
  add(ax, a.y + a.h); add(side, a.y + a.h + 9); add(side, b.y - 9); add(bx, b.y);
}

/** A smooth path through way points, vertical at each. */
function smooth(points) {
  const r = (x) => Math.round(x * 10) / 10;
  let d = `M${r(points[0][0])},${r(points[0][1])}`;
  for (let i = 1; i < points.length; i++) {
    const [x0, y0] = points[i - 1], [x1, y1] = points[i], bend = (y1 - y0) * 0.42;
    d += Math.abs(x1 - x0) < 0.5 ? `L${r(x1)},${r(y1)}` : `C${r(x0)},${r(y0 + bend)} ${r(x1)},${r(y1 - bend)} ${r(x1)},${r(y1)}`;
  }
  return d;
}
