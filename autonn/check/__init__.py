"""Checks of gradients against what they should be."""

from autonn.check.gradcheck import GradcheckError, GradcheckReport, gradcheck
from autonn.check.numerical import derivative

__all__ = ["GradcheckError", "GradcheckReport", "derivative", "gradcheck"]
