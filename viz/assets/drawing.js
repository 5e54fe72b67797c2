// ----- drawing: cards, boxes, edges -----

const pen = document.createElement("canvas").getContext("2d");
const FONTS = {
  op: "700 13px", attr: "11px", name: "italic 12px", shape: "11px", rule: "11px", grad: "11px", zero: "700 11px",
  wild: "700 11px", number: "12px",
};
const FAMILY = getComputedStyle(document.documentElement).getPropertyValue("--sans");
const widths = new Map();

function textWidth(text, style) {
  const key = `${style}|${text}`;
  if (!widths.has(key)) {
    pen.font = `${FONTS[style]} ${FAMILY}`;
    widths.set(key, pen.measureText(text).width);
  }
  return widths.get(key);
}
const lineWidth = (parts) => parts.reduce((sum, [text, style]) => sum + textWidth(text, style), 5 * (parts.length - 1));

/** The lines of a card, as [text, style] pairs. */
function cardLines(item) {
  const { node: n, group: g } = item;
  const head = [[short(g ? g.label || g.kind : titleOf(n), 30), "op"]];
  const attr = g ? g.told || g.attr : n.attr;
  const name = g ? g.name || (g.kind === "function" && n.name !== g.label ? n.name : "") : isLeaf(n) ? "" : n.name;
  const words = [[short(attr || "", 26), "attr"], [short(name, 24), "name"]].filter(([text]) => text);
  head.push(...(g && g.kind !== "function" ? words.reverse() : words));
  if (!g && isLeaf(n) && n.constant && titleOf(n) !== n.constant) head.push([`= ${short(n.constant, 16)}`, "attr"]);
  if (!g && isLeaf(n) && n.constant && !n.grad) return [head];
  const scalarEnd = n.kind === "output" && sizeOf(n) === 1 && n.value;
  const line = [scalarEnd ? [figure(only(n.value), 3), "number"] : [shapeText(n.shape), "shape"]];
  if (n.dtype && GIVEN.dtype && n.dtype !== GIVEN.dtype) line.push([n.dtype, "shape"]);
  if (n.grad && !scalarEnd) line.push(["|", "rule"], gradWords(n.grad));
  return [head, line];
}

function measureItem(item) {
  item.lines = cardLines(item);
  const wide = Math.max(...item.lines.map(lineWidth));
  item.pad = item.group ? 17 : 0; // room for the button that opens it
  item.under = item.group && item.group.kind === "repeat" ? 7 : 0; // room for the cards under a stack
  return { w: Math.ceil(Math.max(wide + 22 + 2 * item.pad, 54)) + 2 * item.under, h: (item.lines.length > 1 ? 42 : 28) + item.under };
}
function headerParts(g) {
  const parts = [[short(g.label || g.kind, 40), "op"]];
  if (g.name) parts.push([short(g.name, 30), "name"]);
  if (g.count > 1) parts.push([`×${g.count}`, "name"]);
  if (g.told) parts.push([g.told, "attr"]);
  return parts;
}
const measureHeader = (g) => lineWidth(headerParts(g)) + 24;

const line = (parts, x, y, anchor) =>
  s("text", { x, y, "text-anchor": anchor }, parts.map(([text, style], i) => s("tspan", { class: style, dx: i ? 5 : 0 }, text)));

function pill(cls, text, x, y) {
  pen.font = `700 10px ${FAMILY}`;
  const w = pen.measureText(text).width + 12;
  return s("g", { class: cls }, s("rect", { x, y: y - 8, width: w, height: 16, rx: 8 }), s("text", { x: x + w / 2, y: y + 3.5, "text-anchor": "middle" }, text));
}

function makeCard(item) {
  const { group: g } = item, w = item.w - 2 * item.under, height = item.h - item.under;
  const plate = (cls, by = 0) => s("rect", { class: cls, x: -w / 2 + by, y: by, width: w, height, rx: 9 });
  const ys = item.lines.length > 1 ? [18, 34] : [18.5];
  const card = s("g", { class: "card", "data-key": item.key, tabindex: 0, role: "button" });
  if (item.under) card.append(plate("under", 7), plate("under", 3.5));
  card.append(s("title", {}, tooltip(item)), plate("plate"), ...item.lines.map((parts, i) => line(parts, 0, ys[i], "middle")));
  if (g) {
    card.append(s("g", { class: "plus", transform: `translate(${w / 2 - 19},${height / 2 - 6})` },
      s("rect", { width: 12, height: 12, rx: 3 }), s("path", { d: "M3,6H9M6,3V9" }), s("title", {}, "open")));
    if (g.count > 1) card.append(pill("pill", `×${g.count}`, w / 2 - 16, 0));
  }
  card.append(s("g", { class: "mark", transform: `translate(${w / 2 - 3},3)` }, s("circle", { r: 7 }), s("path", { d: "M-3,0L-0.8,2.4L3.2,-2.2" })));
  card.setAttribute("aria-label", spoken(item));
  if (g) card.setAttribute("aria-expanded", "false");
  if (isDiverging(item)) card.append(pill("badge", "first to diverge", 12, -3));
  return card;
}

const isDiverging = (item) => typeof GIVEN.diverging === "number" && item.all.includes(nodes[GIVEN.diverging]);
const tooltip = (item) => [item.group ? `${item.group.label} ${item.group.name}` : `${item.node.op} ${item.node.name}`, shapeText(item.node.shape), item.node.site].filter(Boolean).join("\n");
function spoken(item) {
  const { group: g, node: n } = item;
  const what = g ? `${layerName(g)}, closed group of ${plural(g.members.length, "node")}` : `${titleOf(n)} ${isLeaf(n) ? "" : n.name}, ${n.kind}`;
  return [what.replace(/ +,/, ","), shapeText(n.shape), n.grad ? gradWords(n.grad)[0] : "", isDiverging(item) ? "first to diverge" : ""].filter(Boolean).join(", ");
}

function makeHeader(g) {
  const parts = headerParts(g);
  return s("g", { class: "header", "data-shut": g.id, tabindex: 0, role: "button", "aria-expanded": "true", "aria-label": `close ${layerName(g)}` },
    s("title", {}, "close this group"), s("rect", { x: 5, y: 4, width: measureHeader(g) + 4, height: 22, rx: 6 }),
    s("path", { class: "minus", d: "M12,11.5h8a1.5,1.5 0 0 1 1.5,1.5v5a1.5,1.5 0 0 1 -1.5,1.5h-8a1.5,1.5 0 0 1 -1.5,-1.5v-5a1.5,1.5 0 0 1 1.5,-1.5zM13,15.5h6" }),
    line(parts, 27, 19.5, "start"));
}

function makeEdge(e) {
  const [x, y] = e.points.at(-1), end = [...e.points.slice(0, -1), [x, y - 5]];
  const kind = e.saved ? "saved" : e.pull ? "pull" : !e.grads ? "still" : e.parameter ? "parameter" : "";
  const edge = s("g", { class: `edge ${kind}`, "data-from": e.from, "data-to": e.to },
    s("path", { class: "wire", d: smooth(end) }), s("path", { class: "tip", d: `M${x},${y}l-4.2,-8.5l4.2,2.6l4.2,-2.6z` }));
  if (e.broadcast) edge.append(broadcastLabel(e));
  return edge;
}

/** The word stands beside the last bend: above the line that comes from a side, or where no other line arrives. */
function broadcastLabel({ points, route }) {
  let i = points.length - 1;
  while (i > 1 && Math.abs(points[i][0] - points[i - 1][0]) < 0.5) i--;
  const [x0, y0] = points[i - 1], [x1, y1] = points[i], across = x1 - x0, own = route.at(-1).hop.link;
  const level = Math.abs(across) < 14, crowded = own && own.b.ups.some((l) => l.bo > own.bo);
  const left = level ? crowded : across < 0;
  const x = level ? Math.max(x0, x1) * !left + Math.min(x0, x1) * left : (x0 + x1) / 2;
  return s("text", { x: x + (left ? -7 : 7), y: (y0 + y1) / 2 + (level ? 1 : -4), "text-anchor": left ? "end" : "start" }, "broadcast");
}

/** Draw the scene anew. Elements that stay are kept, so that they slide to their new place and do not lose focus. */
function render() {
  scene = buildScene();
  scene.scopes = layOut(scene);
  scene.root = scene.scopes.get(null);
  scene.step = scene.moments.filter((m) => m.at <= state.front).length;
  state.step = scene.step;
  drawBoxes();
  $("edges").replaceChildren(...scene.edges.map((e) => (e.element = makeEdge(e))));
  drawCards();
  paint();
}

const move = (element, x, y) => { element.style.transform = `translate(${x}px,${y}px)`; };

function drawBoxes() {
  const boxes = scene.boxes.map((g) => {
    const scope = scene.scopes.get(g.id);
    const box = s("g", { class: "box fresh", "data-box": g.id }, s("rect", { width: scope.w, height: scope.h, rx: 14 }));
    move(box, scope.x, scope.y);
    return box;
  });
  $("boxes").replaceChildren(...boxes);
}

function drawCards() {
  const wanted = [];
  for (const g of scene.boxes) {
    const { x, y } = scene.scopes.get(g.id);
    wanted.push({ key: `h${g.id}`, first: g.first - 0.5 + lineage(g.id).length * 1e-3, x, y, make: () => makeHeader(g) });
  }
  for (const item of scene.items.values()) wanted.push({ key: item.key, first: item.first, x: item.x, y: item.y, make: () => makeCard(item), item });
  wanted.sort((a, b) => a.first - b.first);
  const layer = $("cards"), old = new Map([...layer.children].map((c) => [c.dataset.id, c]));
  const keep = new Set(wanted.map((w) => w.key));
  for (const [key, element] of old) if (!keep.has(key)) element.remove();
  let cursor = layer.firstElementChild;
  for (const w of wanted) {
    let element = old.get(w.key);
    if (element) cursor = element.nextElementSibling;
    else {
      element = w.make();
      element.dataset.id = w.key;
      element.classList.add("fresh");
      layer.insertBefore(element, cursor);
    }
    if (w.item) w.item.element = element;
    move(element, w.x, w.y);
  }
}

// .. colours and the state of the walk

/** The scale of gradient norms over the visible cards: seven classes on log10. */
function heatScale() {
  const norms = [...scene.items.values()].map((i) => (i.node.grad ? number(i.node.grad.norm) : NaN)).filter((x) => x > ZERO && x < Infinity);
  const logs = norms.map(Math.log10), lo = Math.min(...logs), hi = Math.max(...logs);
  return { lo, hi, any: norms.length > 0, step: (x) => Math.round(6 * (hi - lo < 1e-9 ? 0.5 : (Math.log10(x) - lo) / (hi - lo))) };
}

function errorOf(item) {
  const own = (item.group ? [item.group] : []).concat(item.all).filter((t) => t.error !== null);
  return own.length ? own.reduce((a, b) => (number(b.error) > number(a.error) || Number.isNaN(number(b.error)) ? b : a)) : { error: null, errorOf: "" };
}

function colourClass(item, scale) {
  if (state.colour === "error") return errorClass(errorOf(item).error);
  if (state.colour === "gradient") {
    if (!item.node.grad) return "none";
    const norm = number(item.node.grad.norm);
    if (!Number.isFinite(norm) || item.node.grad.nan > 0) return "broken";
    return norm <= ZERO ? "flat" : `heat heat${scale.step(norm)}`;
  }
  if (item.all.every((n) => n.phase === "backward")) return "k-backward";
  const { group: g, node: n } = item;
  return `k-${g && !(g.kind === "function" && n.kind === "output") ? g.nodeKind : n.kind}`;
}

/** Give every card and edge the classes that its state asks for. */
function paint() {
  const scale = heatScale(), walking = state.step > 0, active = walking ? scene.moments[state.step - 1].key : null;
  for (const item of scene.items.values()) {
    const at = scene.place.get(item.key), reached = at !== undefined && at <= state.front;
    const classes = ["card", colourClass(item, scale)];
    if (item.key === state.chosen) classes.push("chosen");
    if (walking && !reached) classes.push(item.grads ? "dim" : "aside");
    if (walking && reached && item.node.kind === "parameter" && !item.group) classes.push("kept");
    if (item.key === active) classes.push("active");
    if (item.element.classList.contains("fresh")) classes.push("fresh");
    item.element.setAttribute("class", classes.join(" "));
    item.element.setAttribute("aria-pressed", item.key === state.chosen);
  }
  for (const e of scene.edges) {
    const done = walking && e.grads && !e.saved && scene.place.get(e.to) <= state.front;
    e.element.classList.toggle("passed", Boolean(done));
    e.element.classList.toggle("live", Boolean(done) && e.to === active);
    e.element.classList.toggle("lit", !walking && (e.from === state.chosen || e.to === state.chosen));
    if (done) $("edges").append(e.element); // above those that still wait
  }
  showMoment(active);
  showLegend(scale);
}

function showMoment(active) {
  const total = scene.moments.length, words = $("moment");
  $("back").disabled = state.step === 0;
  $("step").disabled = state.step >= total;
  $("play").disabled = $("speed").disabled = total === 0;
  if (!total) return words.replaceChildren(order.length ? "nothing to step through" : "no backward pass here: the graph was drawn without gradients");
  if (!active) return words.replaceChildren("press step to run backward");
  const { group: g, node: n } = scene.items.get(active);
  return words.replaceChildren(`backward ${state.step}/${total}: `, h("b", {}, g ? g.label : titleOf(n)), ` ${g ? g.name : n.name}`);
}

const swatch = (cls) => s("svg", { class: cls, width: 11, height: 11 }, s("rect", { class: "swatch", width: 11, height: 11, rx: 3 }));
function dyed(cls) { // a swatch is filled by the same variables as a card
  const made = swatch(cls), rect = made.firstChild;
  rect.style.fill = "var(--fill)";
  rect.style.stroke = "var(--rim)";
  return made;
}

function showLegend(scale) {
  const entry = (cls, text) => h("span", {}, dyed(cls), text), parts = [];
  if (state.colour === "kind") {
    const kinds = new Set([...scene.items.values()].map((i) => colourClass(i, scale).slice(2)));
    const known = ["input", "parameter", "constant", "matmul", "reduction", "elementwise", "activation", "shape", "layer", "output", "backward"];
    parts.push(...known.filter((k) => kinds.has(k)).map((k) => entry(`k-${k}`, k)));
  } else if (state.colour === "gradient") {
    if (!scale.any) parts.push("no gradient was recorded");
    else {
      const ends = [scale.lo, scale.hi].map((p) => figure(10 ** p, 2));
      parts.push(h("span", {}, "L2 norm of the gradient"), h("span", {}, ends[0], ...[0, 1, 2, 3, 4, 5, 6].map((i) => dyed(`heat${i}`)), ends[1]));
    }
    parts.push(entry("flat", "zero"), entry("broken", "NaN or infinite"), entry("none", "no gradient"));
  } else {
    if (![...nodes, ...groups].some((t) => t.error !== null)) parts.push("nothing was compared");
    parts.push(entry("e-good", "below 1e-9"), entry("e-fair", "below 1e-4"), entry("e-bad", "above"), entry("none", "not compared"));
    if (typeof GIVEN.diverging === "number") parts.push(h("button", { id: "diverge", onclick: () => jump(GIVEN.diverging) }, "first to diverge →"));
  }
  $("legend").replaceChildren(...parts);
}
