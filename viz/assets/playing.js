// ----- playing: the walk through backprop -----

function setStep(step, { pan = true } = {}) {
  state.step = Math.max(0, Math.min(scene.moments.length, step));
  state.front = state.step ? scene.moments[state.step - 1].at : -1;
  if (state.step) state.chosen = scene.moments[state.step - 1].key;
  paint();
  showPanel();
  writeHash();
  if (state.step && pan) reveal(state.chosen);
}

function play(on = !state.playing) {
  clearTimeout(state.playing);
  state.playing = null;
  if (on && scene.moments.length) {
    if (state.step >= scene.moments.length) setStep(0);
    const beat = () => {
      setStep(state.step + 1);
      if (state.step >= scene.moments.length) return play(false);
      state.playing = setTimeout(beat, 1000 / Number($("speed").value));
    };
    state.playing = setTimeout(beat, 150);
  }
  $("play").textContent = state.playing ? "pause" : "play";
  $("play").setAttribute("aria-pressed", Boolean(state.playing));
}

function setColour(colour) {
  state.colour = ["kind", "gradient", "error"].includes(colour) ? colour : "kind";
  $("colour").value = state.colour;
  paint();
  writeHash();
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

// .. the address names the moment

function writeHash() {
  const parts = [], item = scene.items.get(state.chosen);
  const active = state.step ? scene.moments[state.step - 1].key : scene.keyOf[loss.id];
  if (state.step) parts.push(`step=${state.step}`);
  if (item && state.chosen !== active) parts.push(item.group ? `group=${item.group.id}` : `node=${item.node.id}`);
  if (state.colour !== "kind") parts.push(`colour=${state.colour}`);
  for (const [word, want] of [["open", true], ["shut", false]]) {
    const changed = groups.filter((g) => g.open !== want && state.open.has(g.id) === want).map((g) => g.id);
    if (changed.length && changed.length <= 40) parts.push(`${word}=${changed.join(",")}`);
  }
  const hash = parts.length ? `#${parts.join("&")}` : location.pathname + location.search;
  try {
    if (location.hash !== (parts.length ? hash : "")) history.replaceState(null, "", hash);
  } catch {
    // a page inside a frame without an address of its own has none to keep
  }
}

/** Obey the address: step, node or group, colour, and the groups that are open. */
function readHash() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const list = (word) => (asked.get(word) || "").split(",").filter(Boolean).map(Number);
  const open = new Set(groups.filter((g) => g.open).map((g) => g.id));
  for (const id of list("open")) if (groupById.has(id)) open.add(id);
  for (const id of list("shut")) open.delete(id);
  const node = asked.has("node") ? nodes[Number(asked.get("node"))] : null;
  if (node) for (const g of lineage(node.group)) open.add(g.id);
  state.open = countShown(open) <= LIMIT ? open : new Set(groups.filter((g) => g.open).map((g) => g.id));
  if (countShown(state.open) > LIMIT) state.open = new Set();
  state.front = -1;
  state.chosen = null;
  render();
  state.chosen = scene.keyOf[loss.id];
  setColour(asked.get("colour") || "kind");
  setStep(Math.floor(Number(asked.get("step"))) || 0, { pan: false });
  const group = `g${asked.get("group")}`;
  if (node) choose(scene.keyOf[node.id], { pan: false });
  else if (scene.items.has(group)) choose(group, { pan: false });
}
