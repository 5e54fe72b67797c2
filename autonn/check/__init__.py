"""Gradients against numerical differentiation and against closed forms, with a verdict."""

from autonn.check.catalogue import CATALOGUE
from autonn.check.compare import assert_matches, compare
from autonn.check.explain import Explanation, explain
from autonn.check.gradcheck import GradcheckError, GradcheckReport, gradcheck
from autonn.check.numerical import derivative
from autonn.check.report import Report

__all__ = [
    "CATALOGUE",
    "Explanation",
    "GradcheckError",
    "GradcheckReport",
    "Report",
    "assert_matches",
    "compare",
    "derivative",
    "explain",
    "gradcheck",
]
