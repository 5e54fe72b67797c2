"""One table: every layer, with inputs to check it at, and what PyTorch calls the same thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonn import nn
from autonn.tree import flatten

PYTORCH_NAMES = {"gamma": "weight", "beta": "bias"}


@dataclass(frozen=True)
class LayerCase:
    """A layer, the same in PyTorch (None if it has no such layer), and the shapes of its inputs."""

    make: Callable[[], nn.Module]
    torch: str | None
    shapes: tuple[tuple[int, ...], ...]
    training: bool = True
    channels_last: bool = False
    call: Callable[..., Any] | None = None  # call(layer, *inputs), when it is not layer(*inputs)
    torch_call: str = "layer(*xs)"
    numerical: bool = True  # False for what is meant to differ from the numerical derivative

    def inputs(self) -> list[np.ndarray]:
        """Draw inputs that are at least 0.05 from 0, and 0.05 apart, away from kinks and ties."""
        rng = np.random.default_rng(0)
        drawn = []
        for shape in self.shapes:
            n = int(np.prod(shape))
            drawn.append(((rng.permutation(n) + 0.5) * (4 / n) - 2).reshape(shape) + 0.013)
        return drawn

    def output(self, layer: nn.Module, *inputs: Any) -> Any:
        """Compute what the layer makes of inputs; several outputs one after the other, flat."""
        y = layer(*inputs) if self.call is None else self.call(layer, *inputs)
        parts, _ = flatten(y)
        return parts[0] if len(parts) == 1 else np.concatenate([part.reshape(-1) for part in parts])

    def layer(self) -> nn.Module:
        """Make the layer in float64, its parameters drawn anew, so that none is 0 or 1."""
        rng = np.random.default_rng(1)
        layer = self.make()
        self.output(layer, *self.inputs())  # builds
        layer.astype(np.float64)
        for p in layer.parameters():
            p.assign(rng.uniform(0.5, 1.5, p.shape) * rng.choice([-1, 1], p.shape))
        for module in (m for _, m in layer.named_modules()):
            if isinstance(module, nn.BatchNorm1d):
                module.reset_running_stats()
        return layer.train(self.training)


def case(
    make: Callable[[], nn.Module], torch: str | None, *shapes: tuple[int, ...], **options: Any
) -> LayerCase:
    return LayerCase(make, torch, shapes, **options)


TIMES = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]], bool)  # three sequences, batch first
KEYS = np.array([[1, 1, 1, 0, 1], [1, 1, 1, 1, 0]], bool)
SCORES = np.where(np.random.default_rng(5).random((4, 5)) < 0.3, -np.inf, 0.5)
SCORES[:, 0] = 0.25
IDS = np.array([[1, 4, 1], [0, 2, 4]])
LINE, IMAGE = (4, 6, 5), (3, 4, 5, 2)

# fmt: off
LAYERS: dict[str, LayerCase] = {
    "Identity": case(nn.Identity, "Identity()", (2, 3)),
    "Linear": case(lambda: nn.Linear(3, 4), "Linear(3, 4)", (5, 3)),
    "Linear no bias": case(lambda: nn.Linear(3, 4, bias=False), "Linear(3, 4, bias=False)", (2, 5, 3)),
    "Linear of a vector": case(lambda: nn.Linear(3, 4), "Linear(3, 4)", (3,)),
    "Linear lazy": case(lambda: nn.Linear(None, 4), "Linear(3, 4)", (5, 3)),
    "Flatten": case(nn.Flatten, "Flatten()", IMAGE),
    "Flatten keeping the last": case(lambda: nn.Flatten(0, -2), "Flatten(0, -2)", IMAGE),
    "Add": case(nn.Add, None, (2, 3), (2, 3), (1, 3)),
    "Multiply": case(nn.Multiply, None, (2, 3), (2, 3), (1, 3)),
    "Sequential": case(lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), "Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))", (5, 3)),
    "Residual": case(lambda: nn.Residual(nn.Linear(3, 3)), None, (5, 3)),

    "ReLU": case(nn.ReLU, "ReLU()", (4, 5)),
    "LeakyReLU": case(nn.LeakyReLU, "LeakyReLU()", (4, 5)),
    "LeakyReLU 0.3": case(lambda: nn.LeakyReLU(0.3), "LeakyReLU(0.3)", (4, 5)),
    "ELU": case(nn.ELU, "ELU()", (4, 5)),
    "ELU 2": case(lambda: nn.ELU(2.0), "ELU(2.0)", (4, 5)),
    "SELU": case(nn.SELU, "SELU()", (4, 5)),
    "GELU": case(nn.GELU, "GELU()", (4, 5)),
    "GELU tanh": case(lambda: nn.GELU("tanh"), "GELU('tanh')", (4, 5)),
    "SiLU": case(nn.SiLU, "SiLU()", (4, 5)),
    "Sigmoid": case(nn.Sigmoid, "Sigmoid()", (4, 5)),
    "HardSigmoid": case(nn.HardSigmoid, "Hardsigmoid()", (4, 5)),
    "Tanh": case(nn.Tanh, "Tanh()", (4, 5)),
    "Softplus": case(nn.Softplus, "Softplus()", (4, 5)),
    "Softplus 2": case(lambda: nn.Softplus(2.0), "Softplus(2.0)", (4, 5)),
    "Softmax": case(nn.Softmax, "Softmax(-1)", (4, 5)),
    "Softmax over the first axis": case(lambda: nn.Softmax(0), "Softmax(0)", LINE),
    "LogSoftmax": case(lambda: nn.LogSoftmax(1), "LogSoftmax(1)", LINE),

    "Dropout off": case(lambda: nn.Dropout(0.0), "Dropout(0.0)", (4, 5)),
    "Dropout in evaluation": case(lambda: nn.Dropout(0.5), "Dropout(0.5)", (4, 5), training=False),
    "Dropout2d in evaluation": case(lambda: nn.Dropout2d(0.5), "Dropout2d(0.5)", IMAGE, training=False),

    "BatchNorm1d": case(lambda: nn.BatchNorm1d(5), "BatchNorm1d(5)", (7, 5)),
    "BatchNorm1d lazy": case(nn.BatchNorm1d, "BatchNorm1d(5)", (7, 5)),
    "BatchNorm1d of sequences": case(lambda: nn.BatchNorm1d(6), "BatchNorm1d(6)", LINE),
    "BatchNorm1d plain": case(lambda: nn.BatchNorm1d(5, affine=False), "BatchNorm1d(5, affine=False)", (7, 5)),
    "BatchNorm1d untracked": case(lambda: nn.BatchNorm1d(5, track=False), "BatchNorm1d(5, track_running_stats=False)", (7, 5), training=False),
    "BatchNorm1d momentum, eps": case(lambda: nn.BatchNorm1d(5, 1e-2, 0.7), "BatchNorm1d(5, 1e-2, 0.3)", (7, 5)),
    "BatchNorm1d in evaluation": case(lambda: nn.BatchNorm1d(5), "BatchNorm1d(5)", (7, 5), training=False),
    "BatchNorm2d": case(lambda: nn.BatchNorm2d(4), "BatchNorm2d(4)", IMAGE),
    "BatchNorm2d channels last": case(lambda: nn.BatchNorm2d(2, channels_last=True), "BatchNorm2d(2)", IMAGE, channels_last=True),
    "BatchNorm2d of one image": case(lambda: nn.BatchNorm2d(4), "BatchNorm2d(4)", (1, 4, 3, 3)),
    "BatchNorm2d in evaluation": case(lambda: nn.BatchNorm2d(4), "BatchNorm2d(4)", IMAGE, training=False),
    "InstanceNorm1d": case(lambda: nn.InstanceNorm1d(6, affine=True), "InstanceNorm1d(6, affine=True)", LINE),
    "InstanceNorm2d": case(lambda: nn.InstanceNorm2d(4), "InstanceNorm2d(4)", IMAGE),
    "InstanceNorm2d channels last": case(lambda: nn.InstanceNorm2d(2, affine=True, channels_last=True), "InstanceNorm2d(2, affine=True)", IMAGE, channels_last=True),
    "GroupNorm": case(lambda: nn.GroupNorm(3, 6), "GroupNorm(3, 6)", LINE),
    "GroupNorm of features": case(lambda: nn.GroupNorm(2, 6), "GroupNorm(2, 6)", (4, 6)),
    "GroupNorm lazy": case(lambda: nn.GroupNorm(2), "GroupNorm(2, 4)", IMAGE),
    "GroupNorm channels last": case(lambda: nn.GroupNorm(2, 2, channels_last=True), "GroupNorm(2, 2)", IMAGE, channels_last=True),
    "LayerNorm": case(lambda: nn.LayerNorm(5), "LayerNorm(5)", LINE),
    "LayerNorm of images": case(lambda: nn.LayerNorm((4, 5, 2)), "LayerNorm((4, 5, 2))", IMAGE),
    "LayerNorm plain": case(lambda: nn.LayerNorm(5, 1e-3, affine=False), "LayerNorm(5, 1e-3, False)", (5,)),
    "RMSNorm": case(lambda: nn.RMSNorm(5), "RMSNorm(5)", LINE),
    "RMSNorm eps": case(lambda: nn.RMSNorm((6, 5), 1e-2), "RMSNorm((6, 5), 1e-2)", LINE),
}

# fmt: on


def grid(
    kind: str,
    shape: tuple[int, ...],
    given: str,
    configurations: list[dict[str, Any]],
    **common: Any,
) -> None:
    """Add a layer's configurations, named by their options; `given` are the arguments in front."""
    for options in configurations:
        words = ", ".join(f"{k}={v!r}" for k, v in options.items())
        arguments = f"{given}{words}"
        last = common.get("channels_last", False)
        make = eval(f"lambda: nn.{kind}({arguments}{', channels_last=True' * last})", {"nn": nn})
        name = f"{kind} {words}" + " channels last" * last
        assert name not in LAYERS, name
        LAYERS[name] = case(make, f"{kind}({arguments})", shape, **common)


# fmt: off
CONV: list[dict[str, Any]] = [
    {"kernel_size": 1}, {"kernel_size": 2}, {"kernel_size": 3}, {"kernel_size": 4},
    {"kernel_size": 3, "bias": False}, {"kernel_size": 3, "groups": 2}, {"kernel_size": 1, "groups": 4},
    {"kernel_size": 2, "stride": 2}, {"kernel_size": 3, "stride": 2}, {"kernel_size": 2, "stride": 3}, {"kernel_size": 1, "stride": 2},
    {"kernel_size": 3, "padding": 1}, {"kernel_size": 2, "padding": 2}, {"kernel_size": 3, "padding": "same"},
    {"kernel_size": 4, "padding": "same"}, {"kernel_size": 2, "padding": "valid"}, {"kernel_size": 2, "padding": "same", "dilation": 3},
    {"kernel_size": 2, "dilation": 2}, {"kernel_size": 3, "dilation": 2, "padding": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1}, {"kernel_size": 3, "stride": 2, "padding": 2, "dilation": 2, "groups": 2},
    {"kernel_size": 3, "padding": 2, "padding_mode": "reflect"}, {"kernel_size": 3, "padding": 2, "padding_mode": "replicate"},
    {"kernel_size": 3, "padding": 2, "padding_mode": "circular"}, {"kernel_size": 2, "padding": "same", "padding_mode": "reflect", "dilation": 3},
]
CONV_2D: list[dict[str, Any]] = [
    {"kernel_size": (1, 3)}, {"kernel_size": (3, 2), "stride": (1, 2)}, {"kernel_size": (2, 3), "padding": (0, 1)},
    {"kernel_size": (3, 2), "dilation": (1, 3), "padding": (2, 1)}, {"kernel_size": (2, 4), "padding": "same"},
    {"kernel_size": (3, 2), "padding": (1, 0), "padding_mode": "circular"},
]
TRANSPOSED: list[dict[str, Any]] = [
    {"kernel_size": 1}, {"kernel_size": 3}, {"kernel_size": 3, "bias": False}, {"kernel_size": 3, "groups": 2},
    {"kernel_size": 2, "stride": 2}, {"kernel_size": 3, "stride": 2}, {"kernel_size": 2, "stride": 3},
    {"kernel_size": 3, "padding": 1}, {"kernel_size": 3, "stride": 2, "padding": 1}, {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1},
    {"kernel_size": 4, "stride": 3, "padding": 1, "output_padding": 2}, {"kernel_size": 2, "stride": 3, "output_padding": 2},
    {"kernel_size": 2, "dilation": 2}, {"kernel_size": 3, "dilation": 2, "padding": 1, "stride": 2},
    {"kernel_size": 2, "dilation": 3, "output_padding": 2}, {"kernel_size": 3, "stride": 2, "padding": 2, "output_padding": 1, "dilation": 2, "groups": 2},
]
TRANSPOSED_2D: list[dict[str, Any]] = [
    {"kernel_size": (1, 3)}, {"kernel_size": (3, 2), "stride": (1, 2)}, {"kernel_size": (2, 3), "padding": (0, 1), "stride": 2, "output_padding": (1, 0)},
]
POOL: list[dict[str, Any]] = [
    {"kernel_size": 1}, {"kernel_size": 2}, {"kernel_size": 3}, {"kernel_size": 2, "stride": 1}, {"kernel_size": 3, "stride": 2},
    {"kernel_size": 2, "stride": 3}, {"kernel_size": 2, "padding": 1}, {"kernel_size": 3, "stride": 2, "padding": 1}, {"kernel_size": 4, "stride": 1, "padding": 2},
    {"kernel_size": 2, "ceil_mode": True}, {"kernel_size": 3, "stride": 2, "ceil_mode": True}, {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
    {"kernel_size": 4, "stride": 3, "padding": 2, "ceil_mode": True},
]
MAX: list[dict[str, Any]] = [
    {"kernel_size": 2, "dilation": 2}, {"kernel_size": 3, "dilation": 2, "stride": 1, "padding": 1}, {"kernel_size": 2, "dilation": 3, "stride": 2, "ceil_mode": True},
]
AVG: list[dict[str, Any]] = [
    {"kernel_size": 3, "padding": 1, "count_include_pad": False}, {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True, "count_include_pad": False},
    {"kernel_size": 4, "stride": 2, "padding": 2, "count_include_pad": False},
]
POOL_2D: list[dict[str, Any]] = [
    {"kernel_size": (2, 3)}, {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0)}, {"kernel_size": (2, 3), "stride": (3, 2), "padding": (0, 1), "ceil_mode": True},
]

grid("Conv1d", (2, 4, 7), "4, 6, ", [o for o in CONV if o != {"kernel_size": 1, "groups": 4}])
grid("Conv2d", (2, 4, 5, 4), "4, 8, ", CONV + CONV_2D)
grid("Conv1d", (2, 7, 4), "4, 6, ", CONV[2:3] + CONV[-6:-5], channels_last=True)
grid("Conv2d", (2, 5, 6, 4), "4, 6, ", CONV[2:3] + CONV[-6:-3] + CONV_2D, channels_last=True)
grid("ConvTranspose1d", (2, 4, 5), "4, 6, ", TRANSPOSED)
grid("ConvTranspose2d", (2, 4, 4, 3), "4, 6, ", TRANSPOSED + TRANSPOSED_2D)
grid("ConvTranspose1d", (2, 5, 4), "4, 6, ", TRANSPOSED[8:10], channels_last=True)
grid("ConvTranspose2d", (2, 4, 3, 4), "4, 6, ", TRANSPOSED[8:10] + TRANSPOSED_2D, channels_last=True)
grid("MaxPool1d", (2, 3, 7), "", POOL + MAX)
grid("MaxPool2d", (2, 2, 7, 6), "", POOL + MAX + POOL_2D)
grid("MaxPool1d", (2, 7, 3), "", POOL[6:7], channels_last=True)
grid("MaxPool2d", (2, 7, 6, 2), "", MAX[:1] + POOL_2D, channels_last=True)
grid("AvgPool1d", (2, 3, 7), "", POOL + AVG)
grid("AvgPool2d", (2, 2, 7, 6), "", POOL + AVG + POOL_2D)
grid("AvgPool1d", (2, 7, 3), "", POOL[6:7], channels_last=True)
grid("AvgPool2d", (2, 7, 6, 2), "", AVG[:1] + POOL_2D, channels_last=True)
LAYERS |= {
    "Conv1d lazy": case(lambda: nn.Conv1d(None, 2, 3), "Conv1d(4, 2, 3)", (2, 4, 7)),
    "Conv2d lazy": case(lambda: nn.Conv2d(None, 2, 3, channels_last=True), "Conv2d(4, 2, 3)", (2, 5, 5, 4), channels_last=True),
    "ConvTranspose2d lazy": case(lambda: nn.ConvTranspose2d(None, 2, 3), "ConvTranspose2d(4, 2, 3)", (2, 4, 3, 3)),
    "Conv1d causal": case(lambda: nn.Conv1d(4, 2, 3, padding="causal", dilation=2), None, (2, 4, 7)),
    "Conv1d of pairs": case(lambda: nn.Conv1d(4, 2, 3, padding=((2, 1),)), None, (2, 4, 7)),
    "Conv2d of one example": case(lambda: nn.Conv2d(2, 3, 2), "Conv2d(2, 3, 2)", (1, 2, 4, 4)),
    "GlobalAvgPool of images": case(nn.GlobalAvgPool, "Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())", (2, 3, 4, 5)),
    "GlobalAvgPool of sequences, channels last": case(lambda: nn.GlobalAvgPool(channels_last=True), None, (2, 5, 3)),
}

# fmt: on


def recurrent(kind: str, configurations: list[dict[str, Any]], states: int) -> None:
    """Add a recurrent layer's configurations, each with its initial state as an input."""
    for options in configurations:
        words = ", ".join(f"{k}={v!r}" for k, v in options.items())
        arguments = f"3, 2, {words}".removesuffix(", ")
        ways = 1 + options.get("bidirectional", False)
        state = (options.get("num_layers", 1) * ways, 3, 2)
        LAYERS[f"{kind} {words}"] = case(
            eval(f"lambda: nn.{kind}({arguments})", {"nn": nn}),
            f"{kind}({arguments})",
            (3, 4, 3) if options.get("batch_first") else (4, 3, 3),
            *[state] * states,
            call=lambda layer, x, *s: layer(x, s if len(s) > 1 else s[0]),
            torch_call="layer(xs[0], tuple(xs[1:]) if len(xs) > 2 else xs[1])",
        )


RECURRENT: list[dict[str, Any]] = [
    {},
    {"bias": False},
    {"batch_first": True},
    {"num_layers": 2},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
    {"num_layers": 3, "bias": False},
]
recurrent("RNN", [*RECURRENT, {"nonlinearity": "relu", "num_layers": 2}], 1)
recurrent("LSTM", RECURRENT, 2)
recurrent("GRU", RECURRENT, 1)
PACKED = (
    "(lambda out: (torch.nn.utils.rnn.pad_packed_sequence(out[0], True)[0], out[1]))"
    "(layer(torch.nn.utils.rnn.pack_padded_sequence(xs[0], [4, 2, 3], True, False)))"
)
for _kind in ("RNN", "LSTM", "GRU"):
    for _rest in ("", ", num_layers=2, bidirectional=True"):
        _arguments = f"(3, 2, batch_first=True{_rest})"
        LAYERS[f"{_kind} of several lengths{_rest}"] = case(
            eval(f"lambda: nn.{_kind}{_arguments}", {"nn": nn}),
            _kind + _arguments,
            (3, 4, 3),
            call=lambda layer, x: layer(x, mask=TIMES),
            torch_call=PACKED,
        )
    for _merge in ("sum", "average", "multiply"):
        LAYERS[f"{_kind} both ways, {_merge}"] = case(
            eval(f"lambda: nn.{_kind}(3, 2, bidirectional=True, merge={_merge!r})", {"nn": nn}),
            None,
            (3, 2, 3),
        )
    LAYERS[f"{_kind} with norms"] = case(
        eval(f"lambda: nn.{_kind}(3, 4, num_layers=2, layer_norm=True)", {"nn": nn}),
        None,
        (2, 2, 3),
    )

# fmt: off
_STATE = {"call": lambda layer, x, *s: layer(x, s if len(s) > 1 else s[0]), "torch_call": "layer(xs[0], tuple(xs[1:]) if len(xs) > 2 else xs[1])"}
_HEADS = "MultiheadAttention(6, 2, batch_first=True, bias=False)"
LAYERS |= {
    "RNNCell": case(lambda: nn.RNNCell(3, 2), "RNNCell(3, 2)", (4, 3), (4, 2), **_STATE),
    "RNNCell relu": case(lambda: nn.RNNCell(3, 2, False, "relu"), "RNNCell(3, 2, False, 'relu')", (4, 3), (4, 2), **_STATE),
    "RNNCell from nothing, lazy": case(lambda: nn.RNNCell(None, 2), "RNNCell(3, 2)", (4, 3)),
    "RNNCell with norms": case(lambda: nn.RNNCell(3, 4, layer_norm=True), None, (2, 3), (2, 4)),
    "LSTMCell": case(lambda: nn.LSTMCell(3, 2), "LSTMCell(3, 2)", (4, 3), (4, 2), (4, 2), **_STATE),
    "LSTMCell with norms": case(lambda: nn.LSTMCell(3, 4, layer_norm=True), None, (2, 3)),
    "LSTMCell of one example": case(lambda: nn.LSTMCell(3, 2), "LSTMCell(3, 2)", (1, 3)),
    "GRUCell": case(lambda: nn.GRUCell(3, 2), "GRUCell(3, 2)", (4, 3), (4, 2), **_STATE),
    "GRUCell of a vector": case(lambda: nn.GRUCell(3, 2), "GRUCell(3, 2)", (3,), (2,), **_STATE),
    "GRUCell with norms": case(lambda: nn.GRUCell(3, 4, layer_norm=True), None, (2, 3), (2, 4)),
    "LSTM lazy": case(lambda: nn.LSTM(None, 2, bidirectional=True), "LSTM(3, 2, bidirectional=True)", (2, 1, 3)),

    "Embedding": case(lambda: nn.Embedding(5, 3), "Embedding(5, 3)", (), call=lambda layer, x: x * layer(IDS), torch_call="xs[0] * layer(torch.tensor(IDS))"),
    "Embedding with padding": case(lambda: nn.Embedding(5, 3, 4), "Embedding(5, 3, 4)", (), call=lambda layer, x: x * layer(IDS), torch_call="xs[0] * layer(torch.tensor(IDS))", numerical=False),
    "Embedding of bags, sum": case(lambda: nn.Embedding(5, 3, pool="sum"), "EmbeddingBag(5, 3, mode='sum')", (), call=lambda layer, x: x * layer([[1, 1, 4], [], [0]]), torch_call="xs[0] * layer(torch.tensor([1, 1, 4, 0]), torch.tensor([0, 3, 3]))"),
    "Embedding of bags, mean": case(lambda: nn.Embedding(5, 3, 4, "mean"), "EmbeddingBag(5, 3, mode='mean', padding_idx=4)", (), call=lambda layer, x: x * layer([[1, 1, 4], [2, 3], [4]]), torch_call="xs[0] * layer(torch.tensor([1, 1, 4, 2, 3, 4]), torch.tensor([0, 3, 5]))"),

    "DotProductAttention": case(nn.DotProductAttention, "Identity()", (2, 4, 3), (2, 5, 3), (2, 5, 2), call=lambda layer, *xs: layer(*xs)[0], torch_call="torch.nn.functional.scaled_dot_product_attention(*xs)"),
    "DotProductAttention masked": case(nn.DotProductAttention, "Identity()", (2, 4, 3), (2, 5, 3), (2, 5, 2), call=lambda layer, *xs: layer(*xs, SCORES)[0], torch_call="torch.nn.functional.scaled_dot_product_attention(*xs, torch.tensor(SCORES))"),
    "DotProductAttention causal": case(nn.DotProductAttention, "Identity()", (2, 4, 3), (2, 5, 3), (2, 5, 2), call=lambda layer, *xs: layer(*xs, causal=True)[0], torch_call="torch.nn.functional.scaled_dot_product_attention(*xs, is_causal=True)"),
    "DotProductAttention padded": case(nn.DotProductAttention, "Identity()", (2, 4, 3), (2, 5, 3), (2, 5, 2), call=lambda layer, *xs: layer(*xs, key_mask=KEYS)[0], torch_call="torch.nn.functional.scaled_dot_product_attention(*xs, torch.tensor(KEYS)[:, None])"),
    "DotProductAttention unscaled": case(lambda: nn.DotProductAttention(False), "Identity()", (2, 4, 3), (2, 5, 3), (2, 5, 2), call=lambda layer, *xs: layer(*xs)[0], torch_call="torch.nn.functional.scaled_dot_product_attention(*xs, scale=1.0)"),
    "GeneralAttention": case(lambda: nn.GeneralAttention(3, 2), None, (2, 4, 3), (2, 5, 2), (2, 5, 3)),
    "ConcatAttention": case(lambda: nn.ConcatAttention(3, 2, 4), None, (2, 4, 3), (2, 5, 2), (2, 5, 3)),
    "MultiHeadAttention": case(lambda: nn.MultiHeadAttention(6, 2), "MultiheadAttention(6, 2)", (4, 2, 6), (5, 2, 6), (5, 2, 6), torch_call="layer(*xs, average_attn_weights=False)"),
    "MultiHeadAttention of itself, causal": case(lambda: nn.MultiHeadAttention(6, 3, batch_first=True), "MultiheadAttention(6, 3, batch_first=True)", (2, 4, 6), call=lambda layer, x: layer(x, causal=True), torch_call="layer(xs[0], xs[0], xs[0], average_attn_weights=False, attn_mask=torch.triu(torch.ones(4, 4, dtype=bool), 1))"),
    "MultiHeadAttention padded, without biases": case(lambda: nn.MultiHeadAttention(6, 2, 0.0, False, True), _HEADS, (2, 5, 6), call=lambda layer, x: layer(x, key_mask=KEYS), torch_call="layer(xs[0], xs[0], xs[0], average_attn_weights=False, key_padding_mask=torch.tensor(~KEYS))"),
    "TransformerEncoderLayer": case(lambda: nn.TransformerEncoderLayer(6, 2, 5, 0.0), "TransformerEncoderLayer(6, 2, 5, 0.0)", (4, 2, 6)),
    "TransformerEncoderLayer norms first, gelu": case(lambda: nn.TransformerEncoderLayer(6, 3, 5, 0.0, "gelu", 1e-3, True, True), "TransformerEncoderLayer(6, 3, 5, 0.0, 'gelu', 1e-3, True, True)", (2, 4, 6)),
    "TransformerEncoderLayer in evaluation, padded": case(lambda: nn.TransformerEncoderLayer(6, 2, 5, batch_first=True), "TransformerEncoderLayer(6, 2, 5, batch_first=True)", (2, 5, 6), training=False, call=lambda layer, x: layer(x, key_mask=KEYS), torch_call="layer(xs[0], src_key_padding_mask=torch.tensor(~KEYS))"),
    "PositionalEncoding": case(lambda: nn.PositionalEncoding(6, 9), None, (2, 4, 6)),
    "PositionalEncoding learned": case(lambda: nn.PositionalEncoding(6, 9, learned=True), None, (2, 4, 6)),

    "SparseEvolution": case(lambda: nn.SparseEvolution(4, 5, epsilon=1, rng=np.random.default_rng(0)), None, (3, 4)),
    "SparseEvolution dense, lazy": case(lambda: nn.SparseEvolution(None, 5), "Linear(4, 5)", (3, 4)),
    "RBM there and back": case(lambda: nn.RBM(4, 3), None, (2, 4), call=lambda layer, v: layer.visible(layer(v))),
}


# ----- Losses: the function's arguments, its options, and the same in PyTorch -----


@dataclass(frozen=True)
class LossCase:
    """A loss, PyTorch's name for it (None if it has none), its input, target and options."""

    make: Callable[..., nn.Module]
    torch: str | None
    x: np.ndarray
    target: np.ndarray
    options: dict[str, Any]


def loss(make: Callable[..., nn.Module], torch: str | None, x: str, target: str, **options: Any) -> LossCase:
    return LossCase(make, torch, DATA[x], DATA[target], options)


_rng = np.random.default_rng(3)
DATA: dict[str, np.ndarray] = {
    "real": _rng.normal(0, 2, (4, 3)),
    "other": _rng.normal(0, 2, (4, 3)),
    "logits": _rng.normal(0, 2, (5, 4)),
    "images": _rng.normal(0, 2, (2, 4, 3, 2)),
    "classes": np.array([0, 3, 2, 2, 1]),
    "some classes": np.array([0, 3, -100, 2, -100]),
    "image classes": _rng.integers(0, 4, (2, 3, 2)),
    "probabilities": _rng.dirichlet(np.ones(4), 5),
    "logs": np.log(_rng.dirichlet(np.ones(4), 5)),
    "unit": _rng.uniform(0.3, 0.7, (4, 3)),  # so that numerical differentiation stays inside
    "other unit": _rng.uniform(0.1, 0.9, (4, 3)),
    "zero or one": _rng.integers(0, 2, (4, 3)).astype(float),
    "sign": _rng.choice([-1.0, 1.0], (4, 3)),
}
WEIGHT = np.array([0.5, 1.0, 2.0, 0.25])

# fmt: off
LOSSES: dict[str, LossCase] = {
    f"{name} {reduction}": loss(make, torch, x, target, reduction=reduction, **options)
    for reduction in ("mean", "sum", "none")
    for name, make, torch, x, target, options in [
        ("MSE", nn.MSELoss, "MSELoss", "real", "other", {}),
        ("half squared error", nn.HalfSquaredError, None, "real", "other", {}),
        ("L1", nn.L1Loss, "L1Loss", "real", "other", {}),
        ("Huber", nn.HuberLoss, "HuberLoss", "real", "other", {"delta": 1.5}),
        ("cross-entropy", nn.CrossEntropyLoss, "CrossEntropyLoss", "logits", "classes", {}),
        ("cross-entropy of images", nn.CrossEntropyLoss, "CrossEntropyLoss", "images", "image classes", {}),
        ("cross-entropy, weights", nn.CrossEntropyLoss, "CrossEntropyLoss", "logits", "classes", {"weight": WEIGHT}),
        ("cross-entropy, ignoring", nn.CrossEntropyLoss, "CrossEntropyLoss", "logits", "some classes", {"weight": WEIGHT}),
        ("cross-entropy, smoothed", nn.CrossEntropyLoss, "CrossEntropyLoss", "logits", "some classes", {"weight": WEIGHT, "label_smoothing": 0.2}),
        ("cross-entropy, probabilities", nn.CrossEntropyLoss, "CrossEntropyLoss", "logits", "probabilities", {}),
        ("cross-entropy, all of it", nn.CrossEntropyLoss, "CrossEntropyLoss", "logits", "probabilities", {"weight": WEIGHT, "label_smoothing": 0.2}),
        ("NLL", nn.NLLLoss, "NLLLoss", "logs", "classes", {}),
        ("NLL, weights", nn.NLLLoss, "NLLLoss", "logs", "some classes", {"weight": WEIGHT}),
        ("BCE", nn.BCELoss, "BCELoss", "unit", "zero or one", {}),
        ("BCE of probabilities", nn.BCELoss, "BCELoss", "unit", "other unit", {}),
        ("BCE with logits", nn.BCEWithLogitsLoss, "BCEWithLogitsLoss", "real", "zero or one", {}),
        ("BCE with logits, weights", nn.BCEWithLogitsLoss, "BCEWithLogitsLoss", "real", "unit", {"weight": np.array([1.0, 2.0, 0.5]), "pos_weight": np.array([3.0, 1.0, 0.5])}),
        ("KL", nn.KLDivLoss, "KLDivLoss", "logs", "probabilities", {}),
        ("KL of logs", nn.KLDivLoss, "KLDivLoss", "logs", "logs", {"log_target": True}),
        ("hinge", nn.HingeLoss, None, "real", "sign", {"margin": 0.7}),
    ]
}
LOSSES["KL by examples"] = loss(nn.KLDivLoss, "KLDivLoss", "logs", "probabilities", reduction="batchmean")
