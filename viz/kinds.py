"""What an operation is to the eye: a product, a reduction, an activation, or a change of shape."""

from __future__ import annotations

from autonn.trace import Op

MATMUL = (
    "matmul einsum conv conv_x conv_w conv1d conv2d conv_transpose1d conv_transpose2d solve inv"
)
MATMUL += " cholesky det dot tensordot inner outer vdot linear multi_dot conv_nd"
REDUCTION = "sum max min prod norm cumsum logabsdet mean var std average amax amin logsumexp"
REDUCTION += " nansum nanmean median cumprod ptp slogdet trace"
ACTIVATION = "relu sigmoid tanh softplus erf softmax log_softmax leaky_relu elu selu gelu silu"
ACTIVATION += " hard_sigmoid"
SHAPE = "reshape transpose broadcast_to getitem put concatenate astype alias roll im2col col2im"
SHAPE += " scatter_add piece take pad crop stack split array_split swapaxes moveaxis flip squeeze"
SHAPE += " view matrix_transpose expand_dims ravel repeat tile"
KINDS = {
    name: kind
    for kind, names in (
        ("activation", ACTIVATION),
        ("matmul", MATMUL),
        ("reduction", REDUCTION),
        ("shape", SHAPE),
    )
    for name in names.split()
}


def kind_of(op: Op) -> str:
    """Give the kind of an operation's card, or of a leaf's.

    Examples
    --------
    >>> kind_of(Op(0, "op", "matmul")), kind_of(Op(0, "parameter"))
    ('matmul', 'parameter')
    """
    return KINDS.get(op.op.partition(" ")[0], "elementwise") if op.kind == "op" else op.kind
