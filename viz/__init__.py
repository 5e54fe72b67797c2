"""Pictures of computation graphs, and of what networks do."""

from viz.drawing import Drawing, draw
from viz.layout import LayoutError

__all__ = ["Drawing", "LayoutError", "draw"]
