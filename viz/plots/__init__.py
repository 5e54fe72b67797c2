"""Pictures of what layers and networks do, in matplotlib: each function gives a Figure."""

try:
    from viz.plots.activations import activation_curves
    from viz.plots.attention import attention_weights
    from viz.plots.curves import learning_curves
    from viz.plots.dropout import dropout_mask, thinned_network
    from viz.plots.errors import comparison_errors
    from viz.plots.flow import GradientFlow
    from viz.plots.im2col import im2col_picture
    from viz.plots.norms import normalised_together, shared_statistics
    from viz.plots.rbm import filters, reconstructions
except ModuleNotFoundError as error:
    lacking = str(error.name).partition(".")[0]
    told = f"viz.plots needs {lacking}: pip install 'autonn[viz]'"
    raise ModuleNotFoundError(told, name=error.name) from None

__all__ = [
    "GradientFlow",
    "activation_curves",
    "attention_weights",
    "comparison_errors",
    "dropout_mask",
    "filters",
    "im2col_picture",
    "learning_curves",
    "normalised_together",
    "reconstructions",
    "shared_statistics",
    "thinned_network",
]
