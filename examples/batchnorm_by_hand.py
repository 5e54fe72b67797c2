"""BatchNorm's gradient, three times by hand: all agree with autograd, and its parts add up.

You will see the three published derivations beside autograd, with the figures that a well-known
exercise prints for its own, and the chain rule in stages, taken from the graph.
"""

from __future__ import annotations

import numpy as np

from autonn import Tensor, compare, explain, nn
from autonn.check.binding import bind
from autonn.oracle.norms import DERIVATIONS

# What the exercise prints for its own code: the largest |a - b| / (|a| + |b|).
PUBLISHED = {"x": 1.703e-09, "gamma": 7.42e-13, "beta": 2.88e-12, "staged": 1.073e-12}


def main() -> dict[str, float]:
    """Compare; give the errors by the names of PUBLISHED."""
    rng = np.random.default_rng(0)
    layer = nn.BatchNorm1d(5).astype(np.float64)
    layer.gamma.assign(rng.normal(size=5))
    report = compare(layer, 5 * rng.normal(size=(4, 5)) + 12, elements=20)
    print(report)
    errors = {row.name: row.elementwise for row in report.rows}

    draw = np.random.RandomState(231)  # the exercise's own numbers
    n, d = 100, 500
    x, gamma = 5 * draw.randn(n, d) + 12, draw.randn(d)
    draw.randn(d)
    g = draw.randn(n, d)
    layer = nn.BatchNorm1d(d).astype(np.float64)
    layer.gamma.assign(gamma)
    leaf = Tensor(x, requires_grad=True)
    layer(leaf).backward(g)
    assert leaf.grad is not None
    a = leaf.grad.numpy()
    closed = bind(layer)
    _, cache = closed.forward(x)
    print(f"\n{n} × {d}: autograd against each derivation, largest |a - b| / (|a| + |b|)")
    for how in DERIVATIONS:
        b = closed.backward(g, cache, how)["x"]  # type: ignore[call-arg]
        errors[how] = float(np.max(np.abs(a - b) / np.maximum(1e-8, np.abs(a) + np.abs(b))))
        print(f"    {how:10} {errors[how]:.1e}")
    print("\nthe exercise's figures, and these")
    for name, published in PUBLISHED.items():
        print(f"    {name:10} {published:.1e}   {errors[name]:.1e}")

    small = Tensor(x[:6, :3], requires_grad=True, name="x")
    y = nn.BatchNorm1d(3).astype(np.float64)(small)
    y.name = "y"
    told = explain(y, small, gradient=g[:6, :3])
    print(f"\n{told}\n\n{told.to_latex()}")
    return errors


if __name__ == "__main__":
    main()
