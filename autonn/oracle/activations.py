"""Activations, derived by hand: ∂L/∂x = g dy/dx for each element, and softmax, which mixes them.

Each is finite, as is its gradient, however large x is: exponents are never positive, and what
tends to 0 is computed as it is, not as 1 minus something near 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn.oracle.base import Gradients, given


class Elementwise:
    """y = f(x) for each element: ∂L/∂x = g f'(x). The forward pass leaves f'(x) in the cache."""

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, in x's shape."""
        return given(x=g * cache)


# ----- Of straight lines -----


class ReLU(Elementwise):
    """y = max(x, 0).

    dy/dx = 1 where x > 0, and 0 elsewhere: at 0, too, which is one of the subgradients, 0 to 1.

    Nair and Hinton 2010, ICML; Glorot, Bordes and Bengio 2011, AISTATS, section 3.
    """

    @staticmethod
    def forward(x: Any) -> tuple[Any, Any]:
        """X and y of any shape."""
        return np.maximum(x, 0), x > 0


class LeakyReLU(Elementwise):
    """y = x where x > 0, slope x elsewhere.

    dy/dx = 1 where x > 0, slope elsewhere and at 0. Maas, Hannun and Ng 2013, ICML, section 2.
    """

    @staticmethod
    def forward(x: Any, slope: float = 0.01) -> tuple[Any, Any]:
        """X and y of any shape."""
        rise = np.where(x > 0, x.dtype.type(1), slope)
        return rise * x, rise


class HardSigmoid(Elementwise):
    """y = x / 6 + 1/2, limited to [0, 1].

    dy/dx = 1/6 where |x| ≤ 3, and 0 beyond. At -3 and 3 any number from 0 to 1/6 would do: the
    larger is taken. Howard et al. 2019, arXiv:1905.02244, section 5.2, where it is the gate.
    """

    @staticmethod
    def forward(x: Any) -> tuple[Any, Any]:
        """X and y of any shape."""
        return np.clip(x / 6 + 0.5, 0, 1), (np.abs(x) <= 3) * (x.dtype.type(1) / 6)


# ----- Of exponentials -----


class ELU(Elementwise):
    """y = x where x > 0, alpha (exp(x) - 1) elsewhere.

    dy/dx = 1 where x > 0, alpha exp(x) elsewhere, which is y + alpha. The sum loses its digits
    where x is far below 0, so the product is taken. Clevert et al. 2015, arXiv:1511.07289, eq. 15.
    """

    @staticmethod
    def forward(x: Any, alpha: float = 1.0) -> tuple[Any, Any]:
        """X and y of any shape."""
        low = np.minimum(x, 0)
        y = np.where(x > 0, x, alpha * np.expm1(low))
        return y, np.where(x > 0, 1, alpha * np.exp(low))


class SELU(Elementwise):
    """y = scale · elu(x, alpha): as `ELU`, and dy/dx is scaled, too.

    With these two numbers mean 0 and variance 1 are a stable fixed point of a layer. Klambauer et
    al. 2017, arXiv:1706.02515, eq. 2.
    """

    scale, alpha = 1.0507009873554805, 1.6732632423543772

    @staticmethod
    def forward(x: Any) -> tuple[Any, Any]:
        """X and y of any shape."""
        y, rise = ELU.forward(x, SELU.alpha)
        return SELU.scale * y, SELU.scale * rise


def logistic(x: Any) -> tuple[Any, Any]:
    """Give sigmoid(x) and sigmoid(-x), which is 1 - sigmoid(x): 1 and e over 1 + e, e = exp(-|x|).

    The larger is 1 / (1 + e), the smaller e / (1 + e); each has all its digits.
    """
    e = np.exp(-np.abs(x))
    large = 1 / (1 + e)
    small = e * large
    return np.where(x >= 0, large, small), np.where(x >= 0, small, large)


class Sigmoid(Elementwise):
    """y = 1 / (1 + exp(-x)).

    dy/dx = exp(-x) / (1 + exp(-x))² = y (1 - y), and 1 - y is sigmoid(-x). Rumelhart, Hinton and
    Williams 1986, Nature 323, eqs. 2 and 5.
    """

    @staticmethod
    def forward(x: Any) -> tuple[Any, Any]:
        """X and y of any shape."""
        y, rest = logistic(x)
        return y, y * rest


class Tanh(Elementwise):
    """y = tanh(x).

    y = 2 sigmoid(2 x) - 1, so that dy/dx = 4 sigmoid(2 x) sigmoid(-2 x) = (1 + y) (1 - y). LeCun et
    al. 1998, Efficient BackProp, section 4.4.
    """

    @staticmethod
    def forward(x: Any) -> tuple[Any, Any]:
        """X and y of any shape."""
        y = np.tanh(x)
        return y, (1 + y) * (1 - y)


def log_one_plus_exp(x: Any) -> Any:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


class Softplus(Elementwise):
    """y = log(1 + exp(beta x)) / beta.

    dy/dx = exp(beta x) / (1 + exp(beta x)) = sigmoid(beta x): beta goes in and out. Dugas et al.
    2001, NIPS 13.
    """

    @staticmethod
    def forward(x: Any, beta: float = 1.0) -> tuple[Any, Any]:
        """X and y of any shape."""
        return log_one_plus_exp(beta * x) / beta, logistic(beta * x)[0]


# ----- Gates -----


class Gated:
    """y = x gate(x): ∂L/∂x = g gate + g x gate'. The cache has both factors, gate and x gate'."""

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, in x's shape."""
        gate, slope = cache
        return given(x=g * (gate + slope))

    @staticmethod
    def terms(g: Any, cache: Any) -> dict[str, dict[str, Any]]:
        """∂L/∂x in parts that add up."""
        gate, slope = cache
        return {"x": {"the gate": g * gate, "the gate's slope": g * slope}}


class SiLU(Gated):
    """y = x s, s = sigmoid(x).

    dy/dx = s + x s (1 - s) = s (1 + x (1 - s)). Elfwing et al. 2017, arXiv:1702.03118, section 2,
    where this derivative is an activation itself, dSiLU.
    """

    @staticmethod
    def forward(x: Any) -> tuple[Any, Any]:
        """X and y of any shape."""
        gate, rest = logistic(x)
        y = x * gate
        return y, (gate, y * rest)


def _nodes(n: int) -> list[tuple[float, float]]:
    t, w = np.polynomial.legendre.leggauss(n)
    return [*zip(((t + 1) / 2).tolist(), (w / 2).tolist(), strict=True)]


NODES = _nodes(23)  # enough for 1e-15 of exp(-36 t²); more would only add roundings


def erf(x: Any) -> Any:
    """2/√π ∫₀ˣ exp(-s²) ds = 2 x/√π ∫₀¹ exp(-x² t²) dt, with s = x t: Gauss-Legendre quadrature.

    The error is at most about 1e-15. From 6 on erf is ±1 to 17 digits, and set to it.
    """
    near = np.clip(x, -6, 6)
    square, total, part = near * near, np.zeros_like(near), np.empty_like(near)
    for t, w in NODES:  # in place, since this is where the time goes
        np.multiply(square, -t * t, out=part)
        np.exp(part, out=part)
        np.multiply(part, w, out=part)
        total += part
    return np.where(near == x, 2 / np.pi**0.5 * near * total, np.sign(x))


class GELU(Gated):
    """y = x Φ(x), Φ(x) = (1 + erf(x / √2)) / 2, or with "tanh" (1 + tanh(u)) / 2.

    Φ'(x) = exp(-x² / 2) / √(2π), the normal density, so dy/dx = Φ(x) + x Φ'(x). With "tanh",
    u = √(2/π) (x + 0.044715 x³) and u' = √(2/π) (1 + 3 · 0.044715 x²), so that
    dy/dx = (1 + tanh(u)) / 2 + x (1 + tanh(u)) (1 - tanh(u)) u' / 2.

    Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2.
    """

    @staticmethod
    def forward(x: Any, approximate: str = "none") -> tuple[Any, Any]:
        """X and y of any shape."""
        if approximate == "none":
            gate = 0.5 * (1 + erf(x * 0.5**0.5))
            slope = np.exp(-0.5 * x * x) / (2 * np.pi) ** 0.5
        else:
            c, cubic = (2 / np.pi) ** 0.5, 0.044715
            square = x * x
            t = np.tanh(c * x * (1 + cubic * square))
            gate = 0.5 * (1 + t)
            slope = gate * (1 - t) * (c * (1 + 3 * cubic * square))
        return x * gate, (gate, x * slope)


# ----- Along an axis -----


def exponentials(x: Any, axis: int) -> tuple[Any, Any, Any]:
    """Give z = x - max x, exp(z) and its sum: the maximum falls out of what is made of them."""
    z = x - x.max(axis, keepdims=True)
    e = np.exp(z)
    return z, e, e.sum(axis, keepdims=True)


class Softmax:
    """y = exp(x) / Σ exp(x) along an axis.

    dyᵢ/dxⱼ = yᵢ (δᵢⱼ - yⱼ): yᵢ by its own numerator, and -yᵢ yⱼ through the sum. Hence
    ∂L/∂xⱼ = gⱼ yⱼ - yⱼ Σᵢ gᵢ yᵢ = y (g - Σ g y), which adds up to 0: x + c gives the same y.

    Bridle 1990, Neurocomputing (NATO ASI 68); Bishop 2006, PRML, eq. 4.106.
    """

    @staticmethod
    def forward(x: Any, axis: int = -1) -> tuple[Any, Any]:
        """X and y of any shape."""
        _, e, total = exponentials(x, axis)
        y = e / total
        return y, (y, axis)

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, in x's shape."""
        y, axis = cache
        return given(x=y * (g - np.sum(g * y, axis, keepdims=True)))

    @staticmethod
    def terms(g: Any, cache: Any) -> dict[str, dict[str, Any]]:
        """∂L/∂x in parts that add up."""
        y, axis = cache
        return {"x": {"direct": g * y, "through the sum": -y * np.sum(g * y, axis, keepdims=True)}}


class LogSoftmax:
    """y = x - log(Σ exp(x)) along an axis.

    dyᵢ/dxⱼ = δᵢⱼ - pⱼ, p = softmax(x), so ∂L/∂x = g - p Σ g. No p in the first part: the logarithm
    has cancelled it, and with it the gradient that vanishes where p is small. Bridle 1990, as
    `Softmax`.
    """

    @staticmethod
    def forward(x: Any, axis: int = -1) -> tuple[Any, Any]:
        """X and y of any shape."""
        z, e, total = exponentials(x, axis)
        return z - np.log(total), (e / total, axis)

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, in x's shape."""
        p, axis = cache
        return given(x=g - p * g.sum(axis, keepdims=True))

    @staticmethod
    def terms(g: Any, cache: Any) -> dict[str, dict[str, Any]]:
        """∂L/∂x in parts that add up."""
        p, axis = cache
        return {"x": {"direct": g, "through the sum": -p * g.sum(axis, keepdims=True)}}
