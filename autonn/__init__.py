"""autonn: reverse-mode automatic differentiation of NumPy code, every layer a composition of primitives."""

from autonn import compositions as _compositions  # noqa: F401 (registers NumPy's functions)
from autonn.check import gradcheck
from autonn.engine import defvjp, implements
from autonn.graph import PRIMITIVES, no_grad, primitive
from autonn.tensor import Tensor
from autonn.transforms import grad, hessian, hvp, jacobian, value_and_grad, vjp

__version__ = "0.1.0"
