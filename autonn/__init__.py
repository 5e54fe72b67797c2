"""autonn: reverse-mode automatic differentiation of NumPy code."""

from autonn import algebra, compositions, functional, init, nn, optim, series, shapes  # noqa: F401 (what NumPy does)
from autonn.anomaly import detect_anomaly
from autonn.check import compare, explain, gradcheck
from autonn.engine import defvjp, implements
from autonn.files import load, save
from autonn.graph import PRIMITIVES, no_grad, primitive
from autonn.memory import keep_memory
from autonn.summary import summary
from autonn.tensors import Tensor
from autonn.trace import trace
from autonn.train import fit
from autonn.transforms import grad, hessian, hvp, jacobian, value_and_grad, vjp

__version__ = "0.1.0"

tensor = Tensor

__all__ = [
    "PRIMITIVES",
    "Tensor",
    "compare",
    "defvjp",
    "detect_anomaly",
    "explain",
    "fit",
    "functional",
    "grad",
    "gradcheck",
    "hessian",
    "hvp",
    "implements",
    "init",
    "jacobian",
    "keep_memory",
    "load",
    "nn",
    "no_grad",
    "optim",
    "primitive",
    "save",
    "summary",
    "tensor",
    "trace",
    "value_and_grad",
    "vjp",
]
