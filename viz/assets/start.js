// ----- printing: the whole graph on the paper -----

function beforePrint() {
  const { w, h: tall } = scene.root;
  $("canvas").setAttribute("viewBox", `-12 -12 ${w + 24} ${tall + 24}`);
  $("world").removeAttribute("transform");
}
function afterPrint() {
  $("canvas").removeAttribute("viewBox");
  applyView();
}

// ----- the start -----

function listen() {
  const canvas = $("canvas"), on = (id, type, f) => $(id).addEventListener(type, f);
  for (const [type, f] of Object.entries({ pointerdown: onDown, pointermove: onMove, pointerup: onUp, pointercancel: onUp, click: onClick, dblclick: onDoubleClick })) canvas.addEventListener(type, f);
  on("stage", "focusin", onFocus); // on the svg itself it would make that a stop of the Tab key
  canvas.addEventListener("wheel", onWheel, { passive: false });
  document.addEventListener("keydown", onKey);
  on("step", "click", () => { play(false); setStep(state.step + 1); });
  on("back", "click", () => { play(false); setStep(state.step - 1); });
  on("play", "click", () => play());
  on("colour", "change", () => setColour($("colour").value));
  on("fit", "click", () => glide(fitted(0.05)));
  on("in", "click", () => zoomBy(1.25));
  on("out", "click", () => zoomBy(0.8));
  on("help", "click", showKeys);
  on("theme", "click", () => {
    const dark = document.documentElement.dataset.theme === "dark" || (document.documentElement.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    setTheme(dark ? "light" : "dark");
  });
  on("search", "input", () => { hits = findAll($("search").value); picked = 0; showHits(); });
  on("search", "focus", () => { if ($("search").value) showHits(); });
  on("search", "blur", () => { $("results").hidden = true; });
  on("search", "keydown", onSearchKey);
  addEventListener("hashchange", () => { readHash(); if (state.chosen) reveal(state.chosen); });
  new ResizeObserver(onResize).observe($("stage"));
  addEventListener("beforeprint", beforePrint);
  addEventListener("afterprint", afterPrint);
}

$("title").textContent = GIVEN.title || "computation graph";
$("subtitle").textContent = [GIVEN.subtitle, ...(GIVEN.notes || [])].filter(Boolean).join(" · ");
$("subtitle").title = $("subtitle").textContent;
setTheme(["light", "dark"].includes(GIVEN.theme) ? GIVEN.theme : "auto");
listen();
readHash();
firstView();
