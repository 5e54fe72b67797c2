"""Activations as layers: each is the function of its name in `autonn.functional`."""

from __future__ import annotations

from typing import Any, Literal

from autonn import functional as F
from autonn.arguments import Positive, checked
from autonn.nn.module import Module


class ReLU(Module):
    """y = max(x, 0)."""

    def forward(self, x: Any) -> Any:
        """X and y of any shape."""
        return F.relu(x)


class LeakyReLU(Module):
    """y = x where x > 0, slope x elsewhere: Maas et al. 2013."""

    @checked
    def __init__(self, slope: float = 0.01) -> None:
        super().__init__()
        self.slope = float(slope)

    def forward(self, x: Any) -> Any:
        """X and y of any shape."""
        return F.leaky_relu(x, self.slope)

    def describe(self) -> str:
        """Give the slope."""
        return f"{self.slope}"


class ELU(Module):
    """y = x where x > 0, alpha (exp(x) - 1) elsewhere: Clevert 2015, arXiv:1511.07289, eq. 15."""

    @checked
    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = float(alpha)

    def forward(self, x: Any) -> Any:
        """X and y of any shape."""
        return F.elu(x, self.alpha)

    def describe(self) -> str:
        """Give alpha."""
        return f"{self.alpha}"


class SELU(Module):
    """y = scale · elu(x, alpha), which keeps mean 0 and variance 1: arXiv:1706.02515, eq. 2."""

    def forward(self, x: Any) -> Any:
        """X and y of any shape."""
        return F.selu(x)


class GELU(Module):
    """y = x Φ(x), with the normal distribution's Φ: Hendrycks and Gimpel 2016, arXiv:1606.08415.

    Parameters
    ----------
    approximate
        "none" for Φ by erf, "tanh" for its approximation by tanh.
    """

    @checked
    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        """X and y of any shape."""
        return F.gelu(x, self.approximate)

    def describe(self) -> str:
        """Give the approximation."""
        return "" if self.approximate == "none" else self.approximate


class SiLU(Module):
    """y = x sigmoid(x): Elfwing et al. 2017, arXiv:1702.03118."""

    def forward(self, x: Any) -> Any:
        """X and y of any shape."""
        return F.silu(x)


class Sigmoid(Module):
    """y = 1 / (1 + exp(-x))."""

    def forward(self, x: Any) -> Any:
        """X and y of any shape."""
        return F.sigmoid(x)


class HardSigmoid(Module):
    """y = x / 6 + 1/2, limited to [0, 1], as in PyTorch; others take the line 0.2 x + 1/2."""

    def forward(self, x: Any) -> Any:
        """X and y of any shape."""
        return F.hard_sigmoid(x)


class Tanh(Module):
    """y = tanh(x)."""

    def forward(self, x: Any) -> Any:
        """X and y of any shape."""
        return F.tanh(x)


class Softplus(Module):
    """y = log(1 + exp(beta x)) / beta, without overflow."""

    @checked
    def __init__(self, beta: Positive = 1.0) -> None:
        super().__init__()
        self.beta = float(beta)

    def forward(self, x: Any) -> Any:
        """X and y of any shape."""
        return F.softplus(x, self.beta)

    def describe(self) -> str:
        """Give beta."""
        return f"{self.beta}"


class Softmax(Module):
    """y = exp(x) / sum of exp(x) along an axis."""

    @checked
    def __init__(self, axis: int = -1) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: Any) -> Any:
        """X and y of any shape."""
        return F.softmax(x, self.axis)

    def describe(self) -> str:
        """Give the axis."""
        return f"axis={self.axis}"


class LogSoftmax(Softmax):
    """y = x - log(sum of exp(x)) along an axis."""

    def forward(self, x: Any) -> Any:
        """X and y of any shape."""
        return F.log_softmax(x, self.axis)
