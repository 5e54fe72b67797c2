// ----- input: pointer, keys, search -----

const fingers = new Map();
let drag = null, dragged = false;

function onDown(event) {
  if (event.button) return;
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  drag = { x: event.clientX, y: event.clientY };
  dragged = fingers.size > 1;
}
function onMove(event) {
  if (!fingers.has(event.pointerId)) return;
  const before = fingers.get(event.pointerId), now = [event.clientX, event.clientY];
  if (fingers.size === 1 && !dragged && Math.hypot(now[0] - drag.x, now[1] - drag.y) < 4) return;
  if (!dragged) {
    dragged = true;
    $("canvas").setPointerCapture(event.pointerId); // not before: a captured pointer clicks no card
    $("canvas").classList.add("dragged");
    cancelAnimationFrame(gliding);
  }
  if (fingers.size === 2) pinch(event.pointerId, before, now);
  else {
    view.x += now[0] - before[0];
    view.y += now[1] - before[1];
    applyView();
  }
  fingers.set(event.pointerId, now);
}
function pinch(id, before, now) {
  const [, other] = [...fingers].find(([key]) => key !== id), { left, top } = stage();
  const apart = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
  zoomAt(apart(now) / Math.max(1, apart(before)), (now[0] + other[0]) / 2 - left, (now[1] + other[1]) / 2 - top);
  view.x += (now[0] - before[0]) / 2;
  view.y += (now[1] - before[1]) / 2;
  applyView();
}
function onUp(event) {
  fingers.delete(event.pointerId);
  $("canvas").classList.remove("dragged");
}
function onWheel(event) {
  event.preventDefault();
  const { left, top } = stage(), unit = event.deltaMode === 1 ? 16 : 1;
  zoomAt(Math.exp(-Math.max(-60, Math.min(60, event.deltaY * unit)) * (event.ctrlKey ? 0.012 : 0.0032)), event.clientX - left, event.clientY - top);
}

const groupOf = (key) => (key && key[0] === "g" ? Number(key.slice(1)) : null);

function onClick(event) {
  if (dragged) { dragged = false; return; }
  const header = event.target.closest("[data-shut]"), card = event.target.closest("[data-key]");
  if (header) toggle(Number(header.dataset.shut));
  else if (card && event.target.closest(".plus")) toggle(groupOf(card.dataset.key));
  else if (card) choose(card.dataset.key, { pan: false });
}
function onDoubleClick(event) {
  const card = event.target.closest("[data-key]");
  if (card && groupOf(card.dataset.key) !== null) toggle(groupOf(card.dataset.key));
}

/** The keyboard walks from card to card: what has the focus is shown. */
function onFocus(event) {
  const card = event.target.closest("[data-key]");
  if (card?.matches(":focus-visible") && card.dataset.key !== state.chosen) choose(card.dataset.key);
}

const KEYS = [
  ["→ or j", "one step of backprop"], ["← or k", "one step back"], ["space", "play, pause"], ["Home, End", "before the first step, after the last"],
  ["/", "search by op, name, layer or shape"], ["c", "next colouring"], ["+ − 0", "closer, further away, all of it"], ["Tab", "from card to card, in the order of the forward pass"],
  ["Enter", "open or close the group in focus"], ["Esc", "clear"], ["?", "these keys"],
];

function onKey(event) {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName), onButton = event.target.tagName === "BUTTON";
  if (event.ctrlKey || event.metaKey || event.altKey || typing || $("keys").open) return;
  const act = {
    ArrowRight: () => setStep(state.step + 1), j: () => setStep(state.step + 1), ArrowLeft: () => setStep(state.step - 1), k: () => setStep(state.step - 1),
    " ": onButton ? null : () => play(), Home: () => setStep(0), End: () => setStep(scene.moments.length), "/": () => $("search").focus(),
    c: () => setColour({ kind: "gradient", gradient: "error", error: "kind" }[state.colour]), "+": () => zoomBy(1.25), "=": () => zoomBy(1.25),
    "-": () => zoomBy(0.8), 0: () => glide(fitted(0.05)), "?": showKeys, Escape: clear, Enter: onButton ? null : () => enter(event.target),
  }[event.key];
  if (!act) return;
  event.preventDefault();
  if (["ArrowLeft", "j", "k", "ArrowRight", "Home", "End", "Escape"].includes(event.key)) play(false);
  act();
}
function enter(element) {
  const card = element.closest("[data-id]");
  if (card?.dataset.shut) toggle(Number(card.dataset.shut));
  else if (card && groupOf(card.dataset.key) !== null) toggle(groupOf(card.dataset.key));
  else if (card) choose(card.dataset.key);
}
function clear() {
  $("told").hidden = true;
  state.chosen = null;
  setStep(0);
}
function showKeys() {
  $("keys").replaceChildren(h("h2", {}, "Keys"), h("table", {}, KEYS.map(([key, what]) => h("tr", {}, h("td", {}, h("kbd", {}, key)), h("td", {}, what)))),
    h("div", { class: "row" }, h("button", { onclick: () => $("keys").close() }, "close")));
  $("keys").showModal();
}

// .. search

let hits = [], picked = 0;

/** All words must occur, in an op, a name, a layer or a shape. */
function findAll(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const within = (hay) => words.every((w) => hay.includes(w));
  const hay = (parts) => { const all = parts.join(" ").toLowerCase(); return `${all} ${all.replaceAll("×", "x")}`; };
  const layers = groups.filter((g) => within(hay([g.label, g.name, g.told]))).map((g) => ({ group: g }));
  const cards = nodes.filter((n) => within(hay([n.op, n.name, n.attr, n.constant, shapeText(n.shape), n.kind, ...lineage(n.group).map((g) => `${g.label} ${g.name}`)]))).map((n) => ({ node: n }));
  return [...layers, ...cards];
}

function showHits() {
  const text = $("search").value.trim();
  $("results").hidden = !text;
  $("search").setAttribute("aria-expanded", Boolean(text));
  $("count").textContent = `${plural(hits.length, "hit")}${hits.length > 60 ? ", the first 60:" : ""}`;
  $("found").replaceChildren(...hits.slice(0, 60).map((hit, i) => {
    const { group: g, node: n } = hit, where = lineage(g ? g.parent : n.group).reverse().map(layerName).join(" › ");
    return h("li", { role: "option", id: `hit${i}`, "aria-selected": i === picked, onpointerdown: (event) => { event.preventDefault(); take(i); } },
      h("span", {}, short(g ? g.label : titleOf(n), 30)), h("i", {}, short(g ? g.name : isLeaf(n) ? "" : n.name, 24)), h("small", {}, [g ? plural(g.members.length, "node") : shapeText(n.shape), where].filter(Boolean).join(" · ")));
  }));
  if (hits.length) $("search").setAttribute("aria-activedescendant", `hit${picked}`);
  else $("search").removeAttribute("aria-activedescendant");
  $("found").children[picked]?.scrollIntoView({ block: "nearest" });
}

function take(i) {
  const hit = hits[i];
  if (!hit) return;
  $("search").blur();
  $("results").hidden = true;
  if (hit.node) jump(hit.node.id);
  else if (setOpen([...state.open, ...lineage(hit.group.parent).map((g) => g.id)])) jumpTo(scene.items.has(`g${hit.group.id}`) ? `g${hit.group.id}` : scene.keyOf[exit(hit.group).id]);
}

function onSearchKey(event) {
  const many = Math.min(hits.length, 60), move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (move && many) { picked = (picked + move + many) % many; showHits(); }
  else if (event.key === "Enter") take(picked);
  else if (event.key === "Escape") { $("search").value = ""; hits = []; showHits(); $("search").blur(); }
  else return;
  event.preventDefault();
}
