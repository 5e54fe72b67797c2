"""Linear maps, and layers that only arrange or join, derived by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autonn.oracle.base import Bound, Gradients, given


def rows(x: Any) -> Any:
    """Give x (..., n) as a matrix of n columns, so that one product serves all."""
    return x.reshape(-1, x.shape[-1])


class Linear:
    """y = x Wᵀ + b.

    dL = <g, dx Wᵀ + x dWᵀ + db>, and <a, b cᵀ> = <a c, b> = <aᵀ b, c>, so that

    - ∂L/∂x = g W,
    - ∂L/∂W = gᵀ x, summed over the batch,
    - ∂L/∂b = Σ g over the batch: a sum and no mean, since b meets each example.

    Rumelhart, Hinton and Williams 1986, Nature 323, eqs. 4 to 6.
    """

    @staticmethod
    def forward(x: Any, weight: Any, bias: Any = None) -> tuple[Any, Any]:
        """X (..., in), weight (out, in), bias (out,); y (..., out)."""
        y = (rows(x) @ weight.T).reshape(*x.shape[:-1], len(weight))
        return y + (0 if bias is None else bias), (x, weight, bias is not None)

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, ∂L/∂weight, ∂L/∂bias."""
        x, weight, biased = cache
        h = rows(g)
        of_x = (h @ weight).reshape(x.shape)
        return given(x=of_x, weight=h.T @ rows(x), bias=h.sum(0) if biased else None)


class SparseEvolution:
    """y = x (W ∘ M)ᵀ + b: as `Linear`, and dW ∘ M meets g, so ∂L/∂W = (gᵀ x) ∘ M."""

    @staticmethod
    def forward(x: Any, weight: Any, mask: Any, bias: Any = None) -> tuple[Any, Any]:
        """As `Linear.forward`, with a mask of the weight's shape."""
        y, cache = Linear.forward(x, weight * mask, bias)
        return y, (mask, cache)

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, ∂L/∂weight, ∂L/∂bias."""
        mask, inner = cache
        gradients = Linear.backward(g, inner)
        return gradients | {"weight": gradients["weight"] * mask}


class Flatten:
    """y holds the elements of x in their order, so ∂L/∂x holds those of g."""

    @staticmethod
    def forward(x: Any, start: int, end: int) -> tuple[Any, Any]:
        """X (..., a, ..., b, ...), y (..., a × ... × b, ...)."""
        start, end = start % x.ndim, end % x.ndim
        return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :]), x.shape

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x."""
        return given(x=g.reshape(cache))


def summed_to(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which an array of this shape was repeated."""
    g = g.sum(tuple(range(g.ndim - len(shape))))
    return g.sum(tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


class Add:
    """y = Σᵢ xᵢ: ∂L/∂xᵢ = g, summed over the axes along which xᵢ was broadcast."""

    @staticmethod
    def forward(*xs: Any) -> tuple[Any, Any]:
        """Any number of arrays that broadcast."""
        return sum(xs[1:], start=xs[0]), [x.shape for x in xs]

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂xs0, ∂L/∂xs1, ..."""
        return {f"xs{i}": summed_to(g, shape) for i, shape in enumerate(cache)}


class Multiply:
    """y = Πᵢ xᵢ: ∂L/∂xᵢ = g Π_{j≠i} xⱼ, summed over the axes along which xᵢ was broadcast.

    The product of the others is the product before times the product after: no division, so that
    zeros do no harm.
    """

    @staticmethod
    def forward(*xs: Any) -> tuple[Any, Any]:
        """Any number of arrays that broadcast."""
        y = xs[0]
        for x in xs[1:]:
            y = y * x
        return y, xs

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂xs0, ∂L/∂xs1, ..."""
        gradients: Gradients = {}
        for i, x in enumerate(cache):
            others = g
            for j, other in enumerate(cache):
                if j != i:
                    others = others * other
            gradients[f"xs{i}"] = summed_to(others, x.shape)
        return gradients


# ----- Layers that hold layers: `children` are their closed forms -----


class Identity:
    """y = x: ∂L/∂x = g."""

    @staticmethod
    def forward(x: Any) -> tuple[Any, Any]:
        """X of any shape."""
        return x, None

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x."""
        return given(x=g)


class Sequential:
    """y = fₙ(... f₁(x)): the chain rule, from the last to the first; each g is the next one's x."""

    @staticmethod
    def forward(x: Any, children: Mapping[str, Bound]) -> tuple[Any, Any]:
        """Apply the children in turn."""
        caches = []
        for name, child in children.items():
            x, cache = child.forward(x)
            caches.append((name, child, cache))
        return x, caches

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, and the children's parameters as "0.weight"."""
        gradients: Gradients = {}
        for name, child, inner in reversed(cache):
            found = child.backward(g, inner)
            g = found.pop("x")
            gradients |= {f"{name}.{key}": value for key, value in found.items()}
        return gradients | {"x": g}


class Residual:
    """y = x + f(x): ∂L/∂x = g + ∂L/∂x through f. He et al. 2016, arXiv:1603.05027, eq. 5."""

    @staticmethod
    def forward(x: Any, children: Mapping[str, Bound]) -> tuple[Any, Any]:
        """X of any shape that f keeps."""
        ((name, child),) = children.items()
        y, cache = child.forward(x)
        return x + y, (name, child, cache)

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, and f's parameters."""
        name, child, inner = cache
        found = child.backward(g, inner)
        through = g + found.pop("x")
        return {f"{name}.{key}": value for key, value in found.items()} | {"x": through}
