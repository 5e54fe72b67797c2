"""A run as data: `trace` records it, `graph_of` reads it from a Tensor, `Graph` holds it."""

from autonn.trace.data import Graph, Op, Scope
from autonn.trace.run import graph_of, trace, traced

__all__ = ["Graph", "Op", "Scope", "graph_of", "trace", "traced"]
