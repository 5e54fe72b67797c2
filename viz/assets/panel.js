// ----- panel -----

const chip = (children, on, more) => h("button", { class: "chip", onclick: on, ...more }, children);
const section = (title, ...children) => [h("h3", {}, title), ...children];

function nodeChip(id, operand) {
  const n = nodes[id];
  const label = isLeaf(n) || !n.name ? h("span", {}, short(titleOf(n), 26)) : h("i", {}, short(n.name, 26));
  return chip([operand ? [h("b", {}, operand), " "] : [], label, " ", h("small", {}, n.constant && isLeaf(n) && titleOf(n) !== n.constant ? `= ${n.constant}` : shapeText(n.shape))], () => jump(id), { "data-node": id });
}

/** The rules as they stand in the table; a bar marks the gradient of an argument. */
function formulas(n) {
  if (!n.rules.length) {
    const why = !n.grads ? "No gradient flows through here." : isLeaf(n) ? "A leaf: the gradients that arrive here are added up, and kept." : "No rule was given.";
    return h("div", { class: "formula" }, h("p", {}, why));
  }
  const text = n.rules.map((r) => r[1]).join(" "), letters = ["g is this node's gradient"];
  if (/\by\b/.test(text) && !n.operands.includes("y")) letters.push("y its value");
  return h("div", { class: "formula" },
    n.rules.map(([argument, rule]) => h("code", {}, h("span", { class: "bar" }, argument), " ← ", rule)),
    h("p", {}, letters.join(", ") + "; a bar marks the gradient of an argument"));
}

function histogram(title, stats, cls) {
  const parts = [h("h3", {}, title)];
  if (!stats) parts.push(h("p", { class: "quiet" }, "not recorded"));
  else if (stats.size === 1) parts.push(h("p", { class: `large ${cls}` }, figure(only(stats))));
  else if (!stats.hist) parts.push(h("p", { class: "quiet" }, stats.nan === stats.size ? "nothing finite" : stats.lo === stats.hi ? `all ${figure(stats.lo)}` : "too near together for a histogram"));
  else {
    const most = Math.max(...stats.hist, 1), width = 120 / stats.hist.length;
    const bars = stats.hist.map((count, i) => count && s("rect", { class: cls, x: i * width + 0.4, width: width - 0.8, rx: 0.6, height: Math.max(1.5, (54 * count) / most), y: 56 - Math.max(1.5, (54 * count) / most) }, s("title", {}, plural(count, "value"))));
    parts.push(s("svg", { class: "hist", viewBox: "0 0 120 58", preserveAspectRatio: "none", role: "img", "aria-label": `${title} histogram` }, bars.filter(Boolean), s("rect", { class: "axis", y: 57, width: 120, height: 1 })));
    parts.push(h("div", { class: "ends" }, h("span", {}, figure(stats.lo)), h("span", {}, figure(stats.hi))));
  }
  return h("div", {}, parts);
}

function statsTable(n) {
  if (!n.value && !n.grad) return null;
  const rows = [["mean", "mean"], ["std", "std"], ["min", "min"], ["max", "max"], ["norm", "L2 norm"], ["zeros", "exact zeros"], ["nan", "NaN / Inf"]];
  const others = [n.value, n.grad].some((stats) => stats && stats.nan > 0); // the moments are of what is finite
  const cell = (stats, key) => {
    if (!stats) return h("td", {}, "–");
    const text = key === "zeros" ? `${Number((100 * stats.zeros).toPrecision(3))}%` : key === "nan" ? String(stats.nan) : figure(stats[key]);
    return h("td", { class: key === "nan" && stats.nan > 0 ? "bad" : null }, text);
  };
  return h("table", {}, h("tr", {}, h("th", {}, others ? "of the finite" : ""), h("th", {}, "value"), h("th", {}, "gradient")),
    rows.map(([key, word]) => h("tr", {}, h("td", {}, word), cell(n.value, key), cell(n.grad, key))));
}

function verdict({ error, errorOf: against }) {
  if (error === null || error === undefined) return null;
  const words = !against || against.includes("closed form") ? against : `the closed form: ${against}`;
  const known = !words || against.includes("against") ? against : `against ${words}`;
  return h("p", { class: `verdict ${errorClass(error)}` }, h("b", {}, `error ${figure(error, 2)}`), h("span", {}, known));
}

function nodePanel(n) {
  const path = lineage(n.group).reverse().map(layerName).join(" › ");
  const facts = [shapeText(n.shape), n.dtype, n.bytes ? bytes(n.bytes) : "", path, n.phase === "backward" ? "backward" : ""];
  const first = n.value && n.value.first && n.value.first.length && n.value.size > 1;
  return [
    h("h2", {}, titleOf(n), " ", n.name && !isLeaf(n) ? h("i", {}, n.name) : ""),
    h("p", { class: "facts" }, facts.filter(Boolean).join(" · ")),
    n.params.length ? h("p", { class: "facts" }, n.params.map(([k, v]) => `${k}=${v}`).join(", ")) : null,
    n.site ? h("p", { class: "site" }, n.site) : null, formulas(n), verdict(n),
    n.value || n.grad ? h("div", { class: "pair" }, histogram("value", n.value, "v"), histogram("gradient", n.grad, "g")) : null,
    statsTable(n),
    n.pulls !== null ? section("part of the rule of", h("div", { class: "chips" }, nodeChip(n.pulls))) : [],
    n.inputs.length ? section("inputs", h("div", { class: "chips" }, n.inputs.map((i, at) => nodeChip(i, n.operands[at])))) : [],
    section("used by", users[n.id].length ? h("div", { class: "chips" }, users[n.id].slice(0, 40).map((u) => nodeChip(u)), users[n.id].length > 40 ? h("span", { class: "quiet" }, `and ${users[n.id].length - 40} more`) : "") : h("p", { class: "quiet" }, "nothing: this is an output")),
    section("kept for backward", n.saved.length ? h("p", { class: "values" }, n.saved.map(([name, size]) => `${name} ${bytes(size)}`).join(", ")) : h("p", { class: "quiet" }, "nothing")),
    first ? section("first values", h("p", { class: "values" }, n.value.first.map((x) => figure(x)).join(", ") + (n.value.size > n.value.first.length ? ", …" : ""))) : [],
  ];
}

const itemChip = (key) => {
  const { group: g, node: n } = scene.items.get(key);
  return g ? chip([h("span", {}, g.label, " "), h("i", {}, g.name), " ", h("small", {}, shapeText(n.shape))], () => jumpTo(key)) : nodeChip(n.id);
};

function groupPanel(item) {
  const { group: g, node: n } = item, counts = new Map();
  for (const m of g.members) if (!LEAVES.includes(m.kind)) counts.set(m.op, (counts.get(m.op) || 0) + 1);
  const parameters = g.members.filter((m) => m.kind === "parameter").reduce((sum, m) => sum + sizeOf(m), 0);
  const saved = g.members.reduce((sum, m) => sum + m.saved.reduce((a, [, b]) => a + b, 0), 0);
  const ops = [...counts].sort((a, b) => b[1] - a[1]);
  return [
    h("h2", {}, g.label, " ", g.name ? h("i", {}, g.name) : "", g.count > 1 ? ` ×${g.count}` : ""),
    h("p", { class: "facts" }, [shapeText(n.shape), n.dtype, plural(g.members.length, "node"), lineage(g.parent).reverse().map(layerName).join(" › "), g.told].filter(Boolean).join(" · ")),
    h("div", { class: "row" }, h("button", { id: "opener", onclick: () => toggle(g.id) }, "open this group")),
    verdict(errorOf(item)),
    section("contains", h("p", { class: "values" }, ops.map(([op, c]) => (c > 1 ? `${op} ×${c}` : op)).join(", ") || "leaves only")),
    section("parameters", h("p", { class: "values" }, parameters ? parameters.toLocaleString("en") : "none")),
    section("kept for backward, in all", h("p", { class: "values" }, saved ? bytes(saved) : "nothing")),
    n.value || n.grad ? [h("div", { class: "pair" }, histogram("output", n.value, "v"), histogram("gradient", n.grad, "g")), statsTable(n)] : [],
    section("inputs", h("div", { class: "chips" }, item.inputs.map(itemChip))),
    section("used by", item.users.length ? h("div", { class: "chips" }, item.users.map(itemChip)) : h("p", { class: "quiet" }, "nothing")),
  ];
}

function overview() {
  const counts = new Map();
  for (const n of nodes) if (!isLeaf(n)) counts.set(n.op, (counts.get(n.op) || 0) + 1);
  const ops = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 24);
  return [
    h("h2", {}, GIVEN.title || "computation graph"), h("p", { class: "facts" }, GIVEN.subtitle || plural(nodes.length, "node")),
    (GIVEN.notes || []).map((note) => h("p", { class: "facts" }, note)),
    section("operations", h("p", { class: "values" }, ops.map(([op, c]) => (c > 1 ? `${op} ×${c}` : op)).join(", ") || "none")),
    section("walk through it", h("p", { class: "quiet" }, order.length
      ? "Press step (→) to run backprop one card at a time, or click a card to see its rule, values and gradient. ? shows the keys."
      : "Click a card to see its rule and values. There are no gradients here, so there is nothing to step through. ? shows the keys.")),
  ];
}

function showPanel() {
  const item = scene.items.get(state.chosen);
  $("panel").replaceChildren(...(!item ? overview() : item.group ? groupPanel(item) : nodePanel(item.node)).flat(3).filter((c) => c !== null && c !== undefined));
  $("panel").scrollTop = 0;
}
