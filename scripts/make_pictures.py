"""Make the pictures of the README: `python scripts/make_pictures.py` (needs chromium)."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from playwright.sync_api import sync_playwright

from autonn import Tensor, defvjp, nn, trace
from autonn.trace import Graph
from viz import draw, plots

DOCS = Path(__file__).parents[1] / "docs"


class Net(nn.Module):
    """Linear, BatchNorm, ReLU."""

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(0)
        self.fc, self.bn, self.act = nn.Linear(16, 8, rng=rng), nn.BatchNorm1d(8), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Compute them one after the other."""
        return self.act(self.bn(self.fc(x)))


def run(check: bool) -> Graph:
    """Trace a forward and a backward pass."""
    net, mse = Net().astype(np.float64), nn.MSELoss()
    rng = np.random.default_rng(1)
    x = Tensor(rng.normal(size=(32, 16)), requires_grad=True)
    target = rng.normal(size=(32, 8))
    with trace(check=check) as graph:
        loss = mse(net(x), target)
        loss.backward()
    return graph


def with_a_mistake() -> Graph:
    """Trace the same while the rule of the square root is wrong by a factor 2."""
    defvjp(np.sqrt, x=lambda g, y: g / y)
    try:
        return run(check=True)
    finally:
        defvjp(np.sqrt, x=lambda g, y: g / (2 * y))


def photograph(page: Path, moment: str, picture: Path) -> None:
    """Show a page in a browser, and take a picture of it."""
    with sync_playwright() as tools:
        browser = tools.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        tab.goto(f"{page.as_uri()}#{moment}")
        tab.wait_for_timeout(500)
        tab.screenshot(path=picture)
        browser.close()


def main() -> None:
    """Draw them all."""
    DOCS.mkdir(exist_ok=True)
    graph = run(check=True)
    draw(graph).save(DOCS / "batchnorm.svg")
    wrong = with_a_mistake()
    assert wrong.diverging is not None
    with TemporaryDirectory() as folder:
        page = draw(graph).save(Path(folder) / "right.html")
        photograph(page, "step=9", DOCS / "step.png")
        page = draw(wrong).save(Path(folder) / "wrong.html")
        photograph(page, f"colour=error&node={wrong.diverging}", DOCS / "error.png")
    layers = [nn.BatchNorm1d(6), nn.LayerNorm(6)]
    plots.normalised_together(layers, (8, 6)).savefig(DOCS / "norms.png", dpi=110)
    for path in sorted(DOCS.iterdir()):
        print(f"{path.name:<16}{path.stat().st_size:>10,}")


if __name__ == "__main__":
    main()
