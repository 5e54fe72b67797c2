// ----- moving about -----

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const stage = () => $("canvas").getBoundingClientRect();
let gliding = 0;

function applyView() {
  if ($("canvas").hasAttribute("viewBox")) return; // on paper
  $("world").setAttribute("transform", `translate(${view.x},${view.y}) scale(${view.k})`);
  const dots = 20 * view.k * (view.k < 0.45 ? 3 : 1);
  $("dots").setAttribute("patternTransform", `translate(${view.x},${view.y}) scale(${dots / 20})`);
}

/** Glide to a view; another movement ends this one. */
function glide(to, time = 240) {
  cancelAnimationFrame(gliding);
  if (calm()) { Object.assign(view, to); return applyView(); }
  const from = { ...view }, start = performance.now();
  const frame = (now) => {
    const t = Math.min(1, Math.max(0, (now - start) / time)), ease = 1 - (1 - t) ** 3;
    for (const key of ["x", "y", "k"]) view[key] = from[key] + (to[key] - from[key]) * ease;
    applyView();
    if (t < 1) gliding = requestAnimationFrame(frame);
  };
  gliding = requestAnimationFrame(frame);
}

function zoomAt(factor, x, y) {
  cancelAnimationFrame(gliding);
  const k = Math.min(4, Math.max(0.05, view.k * factor)), f = k / view.k;
  Object.assign(view, { k, x: x - (x - view.x) * f, y: y - (y - view.y) * f });
  applyView();
}
function zoomBy(factor) {
  const { width, height } = stage();
  zoomAt(factor, width / 2, height / 2);
}

function fitted(least) {
  const { width, height } = stage(), { w, h: tall } = scene.root, margin = 36;
  const k = Math.min(1.25, Math.max(least, Math.min((width - 2 * margin) / w, (height - 2 * margin - 24) / tall)));
  return { k, x: (width - w * k) / 2, y: (height - 24 - tall * k) / 2 };
}

/** The first view: all of it if that can be read, or else the loss, near the lower edge. */
function firstView() {
  Object.assign(view, fitted(0.8));
  const { height } = stage(), key = state.chosen || scene.keyOf[loss.id];
  const tall = scene.root.h * view.k > height - 60, wide = scene.root.w * view.k > stage().width - 60;
  if (tall || wide) {
    if (tall) view.k = Math.max(view.k, 1);
    const item = scene.items.get(key);
    view.x = wide ? stage().width / 2 - item.x * view.k : (stage().width - scene.root.w * view.k) / 2;
    view.y = tall ? Math.max(height * (key === scene.keyOf[loss.id] ? 0.84 : 0.5) - (item.y + item.h) * view.k, height - 60 - scene.root.h * view.k) : view.y;
    view.y = Math.min(view.y, 36);
  }
  seen = stage();
  applyView();
}

/** A page may be loaded out of sight, and get its size later; after that what is in the middle stays there. */
let seen = { width: 0 };
function onResize() {
  const now = stage();
  if (!seen.width) return firstView();
  view.x += (now.width - seen.width) / 2;
  seen = now;
  return applyView();
}

/** Bring a card into the middle part of the stage, unless it is there. */
function reveal(key, margin = 0.22) {
  const item = scene.items.get(key), { width, height } = stage();
  if (!item) return;
  const k = Math.max(view.k, 0.6), same = k === view.k;
  const x = item.x * view.k + view.x, y = (item.y + item.h / 2) * view.k + view.y;
  const side = Math.min(width * margin, width / 2 - 1), rim = Math.min(height * margin, height / 2 - 1);
  if (same && x > side && x < width - side && y > rim && y < height - rim) return;
  const put = (at, low, high) => (same ? Math.min(high, Math.max(low, at)) : (low + high) / 2);
  glide({ k, x: put(x, width * 0.38, width * 0.62) - item.x * k, y: put(y, height * 0.4, height * 0.6) - (item.y + item.h / 2) * k });
}

function choose(key, { pan = true } = {}) {
  state.chosen = key;
  paint();
  showPanel();
  writeHash();
  if (key && pan) reveal(key, 0.04);
}

/** Go to a node, and open the groups around it. */
function jump(id) {
  const around = lineage(nodes[id].group).map((g) => g.id).filter((g) => !state.open.has(g));
  if (around.length && !setOpen([...state.open, ...around])) return jumpTo(scene.keyOf[id]);
  return jumpTo(`n${id}`);
}
function jumpTo(key) {
  choose(key, { pan: false });
  reveal(key);
}

function tell(text) {
  $("told").textContent = text;
  $("told").hidden = false;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => { $("told").hidden = true; }, 5000);
}

/** Change which groups are open; what stays in sight stays where it is. */
function setOpen(ids, anchor) {
  const open = new Set(ids), count = countShown(open);
  if (count > LIMIT && count > scene.items.size) {
    tell(`That would show ${count.toLocaleString("en")} cards; above ${LIMIT.toLocaleString("en")} nothing can be read. Close other groups first.`);
    return false;
  }
  const before = anchor && anchorPoint(anchor);
  state.open = open;
  $("cards").parentNode.classList.toggle("moving", !calm());
  render();
  const after = before && anchorPoint(anchor);
  if (after) {
    Object.assign(view, { x: view.x + (before.x - after.x) * view.k, y: view.y + (before.y - after.y) * view.k });
    applyView();
  }
  return true;
}
function anchorPoint(g) {
  const card = scene.items.get(`g${g.id}`);
  if (card) return { x: card.x, y: card.y };
  const box = scene.scopes.get(g.id);
  return box ? { x: box.x + box.w / 2, y: box.y } : null;
}

function toggle(id) {
  const g = groupById.get(id), opening = !state.open.has(id), chosen = state.chosen;
  const focused = document.activeElement?.dataset?.id;
  if (!setOpen(opening ? [...state.open, id] : [...state.open].filter((o) => o !== id), g)) return;
  // the selection stays with what it was: a group's last node, or the group that now hides a node
  if (!scene.items.has(chosen)) state.chosen = opening ? scene.keyOf[exit(g).id] : `g${id}`;
  if (focused && !$("cards").querySelector(`[data-id="${focused}"]`)) $("cards").querySelector(`[data-id="${opening ? "h" : "g"}${id}"]`)?.focus({ preventScroll: true });
  paint();
  showPanel();
  writeHash();
}
