// ----- data: what the page was given, with what is missing filled in -----

const GIVEN = JSON.parse(document.getElementById("data").textContent);
const nodes = GIVEN.nodes.map((n) => ({
  name: "", attr: "", shape: [], dtype: "", bytes: 0, inputs: [], broadcast: [], group: null, site: "", grads: false, rules: [],
  operands: [], saved: [], params: [], constant: "", value: null, grad: null, error: null, errorOf: "", phase: "forward",
  pulls: null, kind: "elementwise", op: "?", ...n,
}));
const groups = (GIVEN.groups || []).map((g) => ({
  parent: null, label: "", name: "", told: "", attr: "", kind: "layer", nodeKind: "elementwise", count: 1, open: false, error: null,
  errorOf: "", ...g,
}));
const order = GIVEN.order || [];
const groupById = new Map(groups.map((g) => [g.id, g]));
const ZERO = GIVEN.zero ?? 1e-12; // below it a gradient is nothing but rounding
const LIMIT = 1500; // more cards than this are neither legible nor quick
const LEAVES = ["parameter", "constant"];

const users = nodes.map(() => []);
for (const n of nodes) for (const i of new Set(n.inputs)) users[i].push(n.id);

for (const g of groups) Object.assign(g, { members: [], first: Infinity });
for (const n of nodes) {
  for (const g of lineage(n.group)) {
    g.members.push(n);
    g.first = Math.min(g.first, n.id);
  }
}

/** The groups around something, from the inside out. */
function lineage(id) {
  const path = [];
  for (let g = groupById.get(id); g; g = groupById.get(g.parent)) path.push(g);
  return path;
}

/** The node that a closed group shows: the last one that is used outside, or by nobody. */
function exit(g) {
  if (g.exit) return g.exit;
  const inside = new Set(g.members.map((n) => n.id));
  const seen = g.members.filter((n) => !users[n.id].length || users[n.id].some((u) => !inside.has(u)));
  const forward = seen.filter((n) => n.phase !== "backward" && !LEAVES.includes(n.kind));
  g.exit = forward.at(-1) || seen.at(-1) || g.members.at(-1) || null;
  return g.exit;
}

/** The longest ways from a source to every node, and from it to an end: the spine follows the longest of them. */
const depth = [], height = nodes.map(() => 0);
for (const n of nodes) depth.push(n.inputs.reduce((most, i) => Math.max(most, depth[i] + 1), 0));
for (const n of [...nodes].reverse()) for (const i of n.inputs) height[i] = Math.max(height[i], height[n.id] + 1);

/** Where backprop starts. */
const loss = nodes[order[0]] || nodes.filter((n) => n.kind === "output").at(-1) || nodes.at(-1);

/** What is made of parameters and constants alone hangs at the side of the spine; without data all is spine. */
const isSide = nodes.map(() => false);
for (const n of nodes) isSide[n.id] = n.inputs.length ? n.inputs.every((i) => isSide[i]) : LEAVES.includes(n.kind);
if (isSide[loss.id]) for (const n of nodes) isSide[n.id] = !n.inputs.length && LEAVES.includes(n.kind);

// ----- words and numbers -----

/** JSON has no NaN: they come as words. */
const number = (x) => (typeof x === "string" ? { nan: NaN, inf: Infinity, "-inf": -Infinity }[x] ?? Number(x) : x);

/** A number as a person would write it. */
function figure(x, digits = 4) {
  x = number(x);
  if (x === null || x === undefined) return "–";
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  const text = size !== 0 && (size < 1e-3 || size >= 1e6)
    ? x.toExponential(digits - 1).replace(/\.?0*e/, "e").replace("e+", "e")
    : String(Number(x.toPrecision(digits)));
  return text.replace(/^-/, "−");
}

/** The number that an array of one holds. */
const only = (stats) => (stats.first && stats.first.length ? stats.first[0] : stats.mean);

function bytes(n) {
  if (n < 1000) return `${n} B`;
  const power = Math.min(3, Math.floor(Math.log10(n) / 3));
  return `${Number((n / 1000 ** power).toPrecision(3))} ${["", "kB", "MB", "GB"][power]}`;
}

const shapeText = (shape) => (shape.length ? shape.join("×") : "scalar");
const sizeOf = (n) => n.shape.reduce((a, b) => a * b, 1);
const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
const short = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);
const layerName = (g) => `${g.label} ${g.name}`.trim();
const isLeaf = (n) => n.inputs.length === 0;
const LEAF_WORDS = ["", "?", "input", "parameter", "constant"]; // ops that say no more than the kind does
const titleOf = (n) => (isLeaf(n) ? n.name || (LEAF_WORDS.includes(n.op) && n.constant) || n.op : n.op);

/** What a gradient says at a glance: [words, class]. */
function gradWords(stats) {
  const norm = number(stats.norm);
  if (!Number.isFinite(norm) || norm > 1e6 || stats.nan > 0) return [`grad ${stats.nan > 0 && Number.isFinite(norm) ? "NaN" : figure(norm, 3)}`, "wild"];
  return norm <= ZERO ? ["grad 0", "zero"] : [`grad ${figure(norm, 3)}`, "grad"];
}

const errorClass = (e) => {
  if (e === null || e === undefined) return "none";
  const size = number(e);
  return size < 1e-9 ? "e-good" : size < 1e-4 ? "e-fair" : "e-bad";
};

// ----- making elements; text is only ever text -----

const SVG = "http://www.w3.org/2000/svg";
const $ = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [key, v] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), v);
    else if (v !== null && v !== undefined && v !== false) element.setAttribute(key, v);
  }
  element.append(...children.flat(3).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
