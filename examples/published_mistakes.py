"""Mistakes that stand in published code, and what the comparison says of each.

Each is a forward and a backward of a few lines, in words of our own, with one mistake that was found
in a course, a library or a blog. You will see each of them named: what kind of mistake it is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from autonn import compare, nn
from autonn import functional as F
from autonn.check import Report

# ----- Linear: the mean of a batch where its sum belongs -----


def linear(x: Any, w: Any, b: Any) -> Any:
    """X w + b."""
    return x @ w + b


def linear_backward(g: Any, x: Any, w: Any, b: Any) -> Any:
    """∂L/∂b is Σ g; here it is the mean."""
    return {"x": g @ w.T, "w": x.T @ g, "b": g.mean(axis=0)}


# ----- BatchNorm: the variance's path lacks a factor 2 -----


def batchnorm(x: Any, gamma: Any, beta: Any) -> Any:
    """The staged forward pass, and what the way back needs."""
    centred = x - x.mean(axis=0)
    s = np.sqrt((centred * centred).mean(axis=0) + 1e-5)
    return gamma * centred / s + beta, (centred, s, gamma)


def batchnorm_backward(g: Any, cache: Any) -> Any:
    """d(centred²) is 2 centred; here it is centred."""
    centred, s, gamma = cache
    n, h = len(g), g * gamma
    of_var = -0.5 * (h * centred).sum(axis=0) / s**3
    of_mean = -(h / s).sum(axis=0)
    return h / s + of_var * centred / n + of_mean / n, (g * centred / s).sum(axis=0), g.sum(axis=0)


# ----- Dropout: the mask is forgotten on the way back -----


class ForgetfulDropout:
    """Drops on the way forward, and lets every gradient pass on the way back."""

    def __init__(self, p: float, shape: tuple[int, ...]) -> None:
        self.p, self.mask = p, np.random.default_rng(0).random(shape) >= p

    def forward(self, x: Any) -> Any:
        """X mask / (1 - p)."""
        return x * self.mask / (1 - self.p)

    def backward(self, g: Any) -> Any:
        """∂L/∂x is g mask / (1 - p); here the mask is not applied."""
        return g / (1 - self.p)


# ----- Embedding: what occurs twice in a bag counts once -----


def bag(weight: Any, ids: Any) -> Any:
    """Sum of the rows of each bag."""
    return weight[ids].sum(axis=1)


def bag_backward(g: Any, weight: Any, ids: Any) -> Any:
    """Rows add up; with += at repeated indices only the last one counts."""
    of_weight = np.zeros_like(weight)
    for of_bag, row in zip(g, ids, strict=True):
        of_weight[row] += of_bag
    return {"weight": of_weight}


# ----- Softmax: the formula of the last axis, whatever the axis -----


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) / Σ exp(x) along an axis."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_over_rows(x: Any) -> Any:
    """Softmax over the first axis."""
    return softmax(x, 0)


def softmax_over_rows_backward(g: Any, x: Any) -> Any:
    """Y (g - Σ g y), with the sum along the last axis, where the first belongs."""
    y = softmax(x, 0)
    return y * (g - (g * y).sum(axis=-1, keepdims=True))


# ----- Max pooling: zeros for padding -----


def pool_of_zeros(x: Any) -> Any:
    """3×3 maxima at stride 1, padded with zeros, which are larger than what is negative."""
    return F.max_pool(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), 3, 1)


def pool_of_zeros_backward(g: Any, x: Any) -> Any:
    """The gradient of the zero-padded maxima."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    of_padded = np.zeros_like(padded)
    for n, c, i, j in np.ndindex(*g.shape):
        window = padded[n, c, i : i + 3, j : j + 3]
        row, column = divmod(int(window.argmax()), 3)
        of_padded[n, c, i + row, j + column] += g[n, c, i, j]
    return of_padded[:, :, 1:-1, 1:-1]


# ----- GELU: the exact function with the approximation's derivative -----


def gelu_backward(g: Any, x: Any) -> Any:
    """The derivative of the tanh form."""
    k = np.sqrt(2 / np.pi)
    t = np.tanh(k * (x + 0.044715 * x**3))
    return {"x": g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * k * (1 + 3 * 0.044715 * x * x))}


# ----- RBM and WGAN: the sign -----


def rbm_energy(weight: Any, v: Any, samples: Any) -> Any:
    """Mean free energy of data less that of samples, without biases."""
    return np.logaddexp(0, samples @ weight.T).sum() / len(v) - np.logaddexp(
        0, v @ weight.T
    ).sum() / len(v)


def rbm_energy_backward(g: Any, weight: Any, v: Any, samples: Any) -> Any:
    """Positive less negative statistics: the way up the likelihood, for an optimiser that goes down."""

    def statistics(x: Any) -> Any:
        return (1 / (1 + np.exp(-x @ weight.T))).T @ x / len(x)

    return {"weight": g * (statistics(v) - statistics(samples))}


def critic_loss(fake: Any, real: Any) -> Any:
    """Mean score of what is generated less that of what is real."""
    return fake.mean() - real.mean()


def critic_loss_backward(g: Any, fake: Any, real: Any) -> Any:
    """Both signs turned round."""
    return {"fake": -g * np.ones_like(fake) / fake.size, "real": g * np.ones_like(real) / real.size}


# ----- A frozen layer that lets no gradient through -----


def frozen(x: Any, w: Any) -> Any:
    """X w, of a w that is not to learn."""
    return x @ w


def frozen_backward(g: Any, x: Any, w: Any) -> Any:
    """Nothing for w, which is right, and nothing for x, which is not."""
    return {"x": np.zeros_like(x), "w": x.T @ g}


# ----- BatchNorm in evaluation, with the formula of training -----


def batchnorm_of_training(g: Any, x: Any, gamma: Any, beta: Any) -> Any:
    """The statistics as if they were the batch's."""
    mean, var = x.mean(axis=0), x.var(axis=0)
    z, h = (x - mean) / np.sqrt(var + 1e-5), g * gamma
    of_x = (h - h.mean(axis=0) - z * (h * z).mean(axis=0)) / np.sqrt(var + 1e-5)
    return {"x": of_x, "gamma": (g * z).sum(axis=0), "beta": g.sum(axis=0)}


# ----- And others that everybody has made -----


def bias_not_summed(g: Any, x: Any, w: Any, b: Any) -> Any:
    """∂L/∂b has the batch's axis, still."""
    return {"x": g @ w.T, "w": x.T @ g, "b": g}


def weight_transposed(g: Any, x: Any, w: Any, b: Any) -> Any:
    """∂L/∂w the other way round."""
    return {"x": g @ w.T, "w": g.T @ x, "b": g.sum(axis=0)}


def mse_backward(g: Any, x: Any, target: Any) -> Any:
    """X - target, summed: neither the 2 nor the mean's 1 / n is there."""
    return {"x": g * (x - target)}


def squared_error(x: Any, target: Any) -> Any:
    """Mean of (x - target)²."""
    return ((x - target) ** 2).mean()


def scaled(x: Any, gamma: Any) -> Any:
    """Gamma x."""
    return gamma * x


def scaled_backward(g: Any, x: Any, gamma: Any) -> Any:
    """∂L/∂x is g gamma; here gamma is forgotten."""
    return {"x": g, "gamma": (g * x).sum(axis=0)}


def log_of_softmax(x: Any) -> Any:
    """X - log Σ exp x."""
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def log_of_softmax_backward(g: Any, x: Any) -> Any:
    """The sum over what was subtracted from each is forgotten."""
    return {"x": g}


class Exhibit(NamedTuple):
    """A mistake, the gradient that is wrong, and the kind that the comparison should name."""

    report: Report
    name: str
    kind: str


def exhibits() -> dict[str, Exhibit]:
    """Compare them all."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return rng.normal(size=shape)

    x, w, b = normal(6, 4), normal(4, 3), normal(3)
    bits = rng.integers(0, 2, (2, 8, 5))  # integers: not differentiated by
    evaluated = nn.BatchNorm1d(4).eval()
    evaluated.running_var.assign(2.5)
    pool = nn.MaxPool2d(3, 1, 1)
    image = np.abs(normal(1, 2, 5, 5)) * -1
    return {
        "Linear: a mean for the bias": Exhibit(compare(linear, linear_backward, x, w, b), "b", "factor"),
        "BatchNorm: no factor 2 in the variance": Exhibit(compare(batchnorm, batchnorm_backward, normal(8, 3), normal(3), normal(3)), "x", "term"),
        "Dropout: the mask forgotten": Exhibit(compare(ForgetfulDropout(0.5, (5, 6)), normal(5, 6)), "x", "mask"),
        "Embedding: repeated ids lost": Exhibit(compare(bag, bag_backward, normal(6, 3), np.array([[1, 1, 4], [0, 2, 2]])), "weight", "repeated ids"),
        "Softmax: another axis": Exhibit(compare(softmax_over_rows, softmax_over_rows_backward, normal(5, 4)), "x", "axis"),
        "Max pooling: padded with zeros": Exhibit(compare(pool, image, forward=pool_of_zeros, backward=pool_of_zeros_backward), "", "border"),
        "GELU: the other form's derivative": Exhibit(compare(nn.GELU(), normal(4, 5), backward=gelu_backward), "x", "variant"),
        "RBM: the sign of the update": Exhibit(compare(rbm_energy, rbm_energy_backward, normal(3, 5), *bits), "weight", "sign"),
        "WGAN: the sign of the critic": Exhibit(compare(critic_loss, critic_loss_backward, normal(6), normal(6)), "fake", "sign"),
        "A frozen layer blocks the gradient": Exhibit(compare(frozen, frozen_backward, x, w), "x", "zero"),
        "BatchNorm: training's formula in evaluation": Exhibit(compare(evaluated, normal(8, 4), backward=batchnorm_of_training), "x", "variant"),
        "Linear: the bias not summed": Exhibit(compare(linear, bias_not_summed, x, w, b), "b", "not summed"),
        "Linear: the weight transposed": Exhibit(compare(linear, weight_transposed, x, w, b), "w", "transposed"),
        "MSE: neither 2 nor the mean": Exhibit(compare(squared_error, mse_backward, x, normal(6, 4)), "x", "factor"),
        "Scale: gamma forgotten": Exhibit(compare(scaled, scaled_backward, x, normal(4)), "x", "missing factor"),
        "Log-softmax: the sum forgotten": Exhibit(compare(log_of_softmax, log_of_softmax_backward, x), "x", "term"),
    }  # fmt: skip


def main() -> dict[str, Exhibit]:
    """Show what is said of each."""
    found = exhibits()
    for title, (report, name, _) in found.items():
        told = [f"{row.name}: {row.told()}" for row in report.rows if row.name == name]
        told += [report.forward.text] * (report.forward is not None) if report.forward else []
        print(f"{title}\n    " + "\n    ".join(told))
    return found


if __name__ == "__main__":
    main()
