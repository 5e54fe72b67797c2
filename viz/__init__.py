"""Pictures of computation graphs, and of what networks do."""

try:
    from viz.drawing import Drawing, draw
    from viz.layout import LayoutError
except ModuleNotFoundError as error:
    lacking = str(error.name).partition(".")[0]
    told = f"viz needs {lacking}: pip install 'autonn[viz]'"
    raise ModuleNotFoundError(told, name=error.name) from None

__all__ = ["Drawing", "LayoutError", "draw"]
