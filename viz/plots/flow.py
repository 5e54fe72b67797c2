"""How gradients flow while a model is trained: a norm for each parameter at each step."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from autonn import nn
from autonn.arguments import Positive, checked
from autonn.operands import bare
from viz.plots.flow_panels import heat_map, lines
from viz.plots.style import Array, canvas, clean, theme_of
from viz.plots.text import plain, shown

Quantity = Literal["gradient", "weight", "ratio"]
QUANTITIES = {
    "gradient": "gradient norm",
    "weight": "weight norm",
    "ratio": "update over weight",
}
FEW = 6  # parameters that lines can be told apart for


class GradientFlow:
    """‖∂L/∂w‖ and ‖w‖ of each parameter, and rate ‖∂L/∂w‖ / ‖w‖, recorded while training.

    Parameters
    ----------
    rate
        The learning rate; without it, there is no ratio. A good one moves weights by about a
        thousandth of their length per step.

    Attributes
    ----------
    gradients, weights
        Norms by parameter, a list with a number for each record: None where a parameter had no
        gradient, or was not there yet.
    steps
        How many records there are.

    Examples
    --------
    >>> net, flow = nn.Sequential(nn.Linear(3, 2), nn.Tanh()), GradientFlow(rate=0.1)
    >>> for _ in range(3):
    ...     net.zero_grad()
    ...     net(np.ones((4, 3), np.float32)).sum().backward()
    ...     flow.record(net)
    >>> flow.steps, list(flow.gradients)
    (3, ['0.weight', '0.bias'])
    """

    @checked
    def __init__(self, rate: Positive | None = None) -> None:
        self.rate = rate
        self.gradients: dict[str, list[float | None]] = {}
        self.weights: dict[str, list[float | None]] = {}
        self.steps = 0

    def record(self, model: nn.Module) -> None:
        """Note the norms: after `backward()`, before the gradients are used and forgotten.

        Raises
        ------
        TypeError
            For what is no Module.
        ValueError
            For a model without parameters.
        """
        if not isinstance(model, nn.Module):
            raise TypeError(f"record: {model!r:.60}; want a Module")
        parameters = dict(model.named_parameters())
        if not parameters:
            raise ValueError(
                f"record: {model.label} has no parameters; layers that see their shapes from the "
                "first input have them after the first call"
            )
        for name in [*self.gradients, *parameters]:
            for kept in (self.gradients, self.weights):
                kept.setdefault(name, [None] * self.steps)
        for name, norms in self.gradients.items():
            p = parameters.get(name)
            norms.append(None if p is None or p.grad is None else _norm(p.grad))
            self.weights[name].append(None if p is None else _norm(p))
        self.steps += 1

    @checked
    def values(self, quantity: Quantity = "gradient") -> Array:
        """Give (parameters, steps): "gradient", "weight" or "ratio"; NaN where there is none.

        What is recorded but not finite is inf.

        Raises
        ------
        ValueError
            For another quantity, a ratio without a rate, and before the first record.
        """
        if quantity == "ratio" and self.rate is None:
            raise ValueError("quantity='ratio' needs the learning rate: GradientFlow(rate=0.1)")
        if not self.steps:
            raise ValueError("there is no record; call .record(model) after each backward()")
        g, w = (_table(kept) for kept in (self.gradients, self.weights))
        if quantity == "weight":
            return w
        if quantity == "gradient":
            return g
        assert self.rate is not None
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.rate * g / w
        undefined = np.isnan(ratio) & ~np.isnan(g) & ~np.isnan(w)  # 0 / 0, and what is not finite
        return np.where(undefined, np.where(g == 0, 0, np.inf), ratio)

    @checked
    def plot(
        self,
        quantity: Quantity = "gradient",
        kind: Literal["lines", "map"] | None = None,
        *,
        theme: str = "light",
    ) -> Figure:
        """Draw lines for up to six parameters, a map of parameter by step for more.

        Exact zeros and what is not finite are marked, and counted in the title.

        Parameters
        ----------
        quantity
            "gradient", "weight" or "ratio".
        kind
            "lines" or "map"; by default whichever can be read.
        theme
            "light", "dark" or "print".

        Returns
        -------
        Figure

        Raises
        ------
        ValueError
            See `values`; and for another kind.

        Examples
        --------
        >>> flow = GradientFlow()
        >>> layer = nn.Linear(3, 2)
        >>> flow.record(layer)
        >>> len(flow.plot().axes)
        1
        """
        look, values = theme_of(theme), self.values(quantity)
        names = list(self.gradients)
        kind = kind or ("lines" if len(names) <= FEW else "map")
        title, note = _finding(values, names, quantity)
        height = 3.6 if kind == "lines" else 0.24 * len(names) + 1.0
        figure = canvas(look, 8.5, height, title, note)
        axes = clean(figure.add_subplot(), look, "y" if kind == "lines" else "")
        axes.set_xlabel("step", **plain(9, look.soft))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        (lines if kind == "lines" else heat_map)(axes, values, names, QUANTITIES[quantity], look)
        return figure


def _norm(x: Any) -> float:
    """Give the Euclidean length, without overflow in float32."""
    return float(np.linalg.norm(np.asarray(bare(x), np.float64)))


def _table(kept: dict[str, list[float | None]]) -> Array:
    """Give lists as an array: NaN for None, inf for what is not finite."""
    rows = [
        [np.nan if v is None else v if np.isfinite(v) else np.inf for v in row]
        for row in kept.values()
    ]
    return np.array(rows)


def _finding(values: Array, names: list[str], quantity: str) -> tuple[str, str]:
    """Say what stands out: what is not finite, what is 0, or the range."""
    what = QUANTITIES[quantity]
    seen = values[~np.isnan(values)]
    good = seen[np.isfinite(seen) & (seen > 0)]
    steps = f"{values.shape[1]} step{'s' * (values.shape[1] != 1)}"
    note = f"{what} of {len(names)} parameters, {steps}"
    if good.size:
        note += f", from {good.min():.1e} to {good.max():.1e}"
    zero, lost = (values == 0).any(axis=1), np.isinf(values).any(axis=1)
    none = np.isnan(values).all(axis=1)
    marks = [f"{zero.sum()} with exact zeros (triangles)"] * bool(zero.any())
    marks += [f"{none.sum()} without any"] * bool(none.any())
    note += "".join(f"; {mark}" for mark in marks)
    if lost.any():
        i = int(np.argmax(np.isinf(values).any(axis=0)))
        name = names[int(np.argmax(np.isinf(values[:, i])))]
        return f"The {what} is not finite from step {i} on, first in {shown(name, 30)}", note
    if not seen.size:
        return f"There is no {what}: call record after backward()", note
    return f"{what[0].upper()}{what[1:]} while training", note
