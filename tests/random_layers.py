"""Random layers: every layer of `autonn.nn` with sizes, options, modes and masks drawn at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from random_checks import judged
from random_graphs import Dice, Drawn

from autonn import Tensor, compare, nn
from autonn.check.problem import Problem, of_layer
from autonn.operands import bare
from autonn.tree import flatten


class Made(NamedTuple):
    """The text of a layer, of its inputs and of its options when called."""

    layer: str
    inputs: list[str]
    options: str = ""


@dataclass(frozen=True)
class Layer:
    """A layer and what it is given, as text; `rng` draws all that is random."""

    made: Made
    dtype: str
    training: bool
    seed: int

    def build(self) -> tuple[nn.Module, list[Any], dict[str, Any]]:
        """Make the layer, its parameters drawn anew, and what it is called with."""
        names = {"np": np, "nn": nn, "rng": np.random.default_rng(self.seed)}
        layer = eval(self.made.layer, names)
        inputs = [eval(text, names) for text in self.made.inputs]
        options = eval(f"dict({self.made.options})", names)
        layer(*inputs, **options)  # builds, and moves running statistics
        for p in layer.parameters():
            p.assign(
                names["rng"].uniform(0.3, 1.3, p.shape) * names["rng"].choice([-1, 1], p.shape)
            )  # type: ignore[attr-defined]
        return layer.train(self.training), inputs, options

    def __repr__(self) -> str:
        given = ", ".join([*self.made.inputs, *[self.made.options] * bool(self.made.options)])
        return (
            f"\nimport numpy as np\nfrom autonn import compare, nn\n\nrng = np.random.default_rng({self.seed})\n"
            f"layer = {self.made.layer}.train({self.training})  # parameters: see random_layers.Layer.build\n"
            f"print(compare(layer, {given}, dtype=np.{self.dtype}))\n"
        )


class Options:
    """Choices of sizes and options."""

    def __init__(self, dice: Dice | Drawn, large: bool) -> None:
        self.dice, self.large = dice, large

    def integer(self, low: int, high: int) -> int:
        return self.dice.integer(low, high)

    def one(self, *items: Any) -> Any:
        return items[self.integer(0, len(items) - 1)]

    def size(self, least: int = 1, most: int = 5) -> int:
        return self.integer(least, most)

    def batch(self) -> int:
        return self.integer(30, 90) if self.large else self.one(3, 1, 2, 5)

    def flag(self, name: str, default: bool = True) -> str:
        return f", {name}={not default}" if self.integer(0, 1) else ""


def normal(*shape: int) -> str:
    return f"rng.normal(size={shape})"


def _image(o: Options, sizes: tuple[int, ...], channels: int) -> tuple[str, str]:
    """Give an input (N, C, *sizes), or channels last, and the option that says so."""
    if o.integer(0, 2) == 2:
        return normal(o.batch(), *sizes, channels), ", channels_last=True"
    return normal(o.batch(), channels, *sizes), ""


def conv(o: Options, name: str) -> Made:
    n, transposed = int(name[-2]), "Transpose" in name
    least = 2 if o.large else 1  # large ones fill several blocks of columns
    each = [(o.size(least, 4), o.size(1, 4 - least), o.size(0, 2), o.size(1, 3)) for _ in range(n)]
    kernel, stride, padding, dilation = (tuple(x) for x in zip(*each, strict=True))
    groups = o.one(1, 1, 2, 3)
    channels, out = groups * (o.size(6, 9) if o.large else o.size(1, 3)), groups * o.size(1, 4)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = tuple(max(r, 2) + (o.size(4, 9) if o.large else o.size(0, 4)) for r in reach)
    x, last = _image(o, sizes, channels)
    text = f"{channels}, {out}, {kernel}, stride={stride}, dilation={dilation}, groups={groups}{o.flag('bias')}{last}"
    if transposed:
        more = tuple(o.size(0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True))
        grown = [(m - 1) * s + r + e for m, s, r, e in zip(sizes, stride, reach, more, strict=True)]
        padding = tuple(min(p, (g - 1) // 2) for p, g in zip(padding, grown, strict=True))
        text += f", padding={padding}, output_padding={more}"
    elif o.integer(0, 3) == 3:
        same = max(stride) == 1
        text += f", padding={o.one('valid', 'same' if same else 'valid')!r}"
    else:
        mode = o.one("zeros", "zeros", "reflect", "replicate", "circular")
        padding = tuple(min(p, m - 1) for p, m in zip(padding, sizes, strict=True))
        text += f", padding={padding}, padding_mode={mode!r}"
    return Made(f"nn.{name}({text}, rng=rng)", [x])


def pool(o: Options, name: str) -> Made:
    n = int(name[-2])
    each = [(o.size(1, 4), o.size(1, 3), o.size(1, 2)) for _ in range(n)]
    kernel, stride, dilation = (tuple(x) for x in zip(*each, strict=True))
    dilation = dilation if "Max" in name else (1,) * n
    sizes = tuple(d * (k - 1) + 1 + o.size(0, 6) for k, d in zip(kernel, dilation, strict=True))
    padding = tuple(o.size(0, k // 2) for k in kernel)
    x, last = _image(o, sizes, o.size(1, 3))
    text = f"{kernel}, padding={padding}{o.flag('ceil_mode', False)}{last}"
    text += f", stride={stride}" if o.integer(0, 1) else ""
    text += f", dilation={dilation}" if "Max" in name else o.flag("count_include_pad")
    return Made(f"nn.{name}({text})", [x])


def global_pool(o: Options, name: str) -> Made:
    x, last = _image(o, tuple(o.size() for _ in range(o.integer(1, 2))), o.size(1, 4))
    return Made(f"nn.{name}({last.strip(', ')})", [x])


def norm(o: Options, name: str) -> Made:
    if name in ("LayerNorm", "RMSNorm"):
        shape = tuple(o.size(2, 6) for _ in range(o.integer(1, 2)))
        front = tuple(o.batch() if i == 0 else o.size(1, 3) for i in range(o.integer(0, 2)))
        eps = o.one("", ", eps=0.01")
        return Made(f"nn.{name}({shape}{eps}{o.flag('affine')})", [normal(*front, *shape)])
    n = {"1": 1, "2": 2}.get(name[-2], o.integer(0, 2))
    groups = o.one(1, 2, 3)
    channels = groups * o.size(1, 3)
    sizes = tuple(o.size(2, 5) for _ in range(n))
    if name == "BatchNorm1d" and o.integer(0, 1):
        sizes = ()
    if name == "GroupNorm" and not sizes and channels == groups:
        channels *= 2
    x, last = _image(o, sizes, channels) if sizes else (normal(o.batch() + 2, channels), "")
    front = f"{groups}, " if name == "GroupNorm" else ""
    text = f"{front}{o.one(channels, None)}{last}{o.one('', ', eps=0.01')}{o.flag('affine')}"
    if name.startswith("Batch"):
        text += o.flag("track") + o.one("", ", momentum=0.5")
    return Made(f"nn.{name}({text})", [x])


def activation(o: Options, name: str) -> Made:
    shape = tuple(o.batch() if i == 0 else o.size() for i in range(o.integer(1, 4)))
    axis = f"{o.integer(-len(shape), len(shape) - 1)}"
    text = {
        "LeakyReLU": "0.2",
        "ELU": "1.7",
        "Softplus": "2.0",
        "GELU": "'tanh'",
        "Softmax": axis,
        "LogSoftmax": axis,
    }.get(name, "")
    return Made(f"nn.{name}({text if o.integer(0, 1) else ''})", [normal(*shape)])


def linear(o: Options, name: str) -> Made:
    n, out = o.size(1, 40 if o.large else 5), o.size(1, 6)
    front = tuple(o.batch() if i == 0 else o.size() for i in range(o.integer(0, 3)))
    if name == "RBM":
        return Made(f"nn.RBM({n}, {out}, rng=rng)", [normal(*front, n)])
    text = f"{o.one(n, None)}, {out}{o.flag('bias')}, rng=rng"
    text += ", epsilon=2" if name == "SparseEvolution" else ""
    return Made(f"nn.{name}({text})", [normal(*front, n)])


def joining(o: Options, name: str) -> Made:
    shape = tuple(o.size() for _ in range(o.integer(1, 4)))
    if name == "Flatten":
        start = o.integer(0, len(shape) - 1)
        end = o.integer(start, len(shape) - 1)
        return Made(f"nn.Flatten({start}, {end - len(shape) * o.integer(0, 1)})", [normal(*shape)])
    if name in ("Add", "Multiply"):
        others = [shape[o.integer(0, len(shape)) :] for _ in range(o.integer(0, 2))]
        thin = [tuple(o.one(n, 1) for n in other) for other in others]
        return Made(f"nn.{name}()", [normal(*shape), *(normal(*other) for other in thin)])
    n = shape[-1]
    inner = f"nn.Linear({n}, {n}, rng=rng)"
    text = {"Identity": "", "Residual": inner}.get(
        name, f"{inner}, nn.{o.one('Tanh', 'GELU', 'Softplus')}(), {inner}"
    )
    return Made(f"nn.{name}({text})", [normal(*shape)])


def dropout(o: Options, name: str) -> Made:
    p = o.one("0.3", "0.0", "1.0", "0.7")
    if name == "Dropout2d":
        x, last = _image(o, (o.size(), o.size()), o.size())
        return Made(f"nn.Dropout2d({p}, rng=1{last})", [x])
    return Made(f"nn.Dropout({p}, rng=1)", [normal(o.batch(), o.size())])


def embedding(o: Options, name: str) -> Made:
    if name == "PositionalEncoding":
        n, first = o.size(1, 4) * 2, o.integer(0, 1)
        text = f"{n}, 9{o.flag('learned', False)}, batch_first={bool(first)}"
        return Made(f"nn.{name}({text}, rng=rng)", [normal(o.size(1, 9), o.size(1, 9), n)])
    n, dim = o.size(1, 9), 16 if o.large else o.size(1, 4)
    # A row that gets no gradient differs from the numerical derivative on purpose.
    if o.integer(0, 2) == 2:
        bags = (
            f"[rng.integers(0, {n}, k) for k in {[o.integer(0, 4) for _ in range(o.size())] + [2]}]"
        )
        return Made(f"nn.Embedding({n}, {dim}, pool={o.one('sum', 'mean')!r}, rng=rng)", [bags])
    shape = (1500,) if o.large else tuple(o.size() for _ in range(o.integer(0, 3)))
    return Made(f"nn.Embedding({n}, {dim}, rng=rng)", [f"rng.integers(0, {n}, {shape})"])


def recurrent(o: Options, name: str) -> Made:
    n, h, batch = o.size(1, 4), o.size(2, 4), o.one(2, 1, 3)
    states = 2 if name.startswith("LSTM") else 1
    text = f"{o.one(n, None)}, {h}{o.flag('bias')}"
    text += o.one("", ", nonlinearity='relu'") if name.startswith("RNN") else ""
    if name.endswith("Cell"):
        text += o.flag("layer_norm", False)
        state = [normal(batch, h)] * states
        given = [f"({', '.join(state)})" if states > 1 else state[0]] if o.integer(0, 1) else []
        return Made(f"nn.{name}({text}, rng=rng)", [normal(batch, n), *given])
    layers, both, first, times = o.one(1, 2), o.integer(0, 1), o.integer(0, 1), o.size(1, 5)
    text += f", num_layers={layers}, bidirectional={bool(both)}, batch_first={bool(first)}"
    text += f", merge={o.one('concat', 'sum', 'average', 'multiply')!r}" * both
    text += o.flag("layer_norm", False)
    front = (batch, times) if first else (times, batch)
    inputs = [normal(*front, n)]
    if o.integer(0, 1):
        state = [normal(layers * (1 + both), batch, h)] * states
        inputs.append(f"({', '.join(state)})" if states > 1 else state[0])
    # False at the end of a sequence, after at least one step.
    lengths = f"np.arange({times}) < rng.integers(1, {times} + 1, {batch})[:, None]"
    masks = ["", f"mask=({lengths})" + ("" if first else ".T")]
    return Made(f"nn.{name}({text}, rng=rng)", inputs, o.one(*masks))


def masks(o: Options, batch: int, t: int, s: int) -> str:
    """Give masks that leave the first key to each query."""
    found = []
    if o.integer(0, 1):
        shape = o.one((t, s), (batch, t, s))
        keep = f"(rng.random({shape}) < 0.6) | (np.arange({s}) == 0)"
        found.append(f"mask={o.one(keep, f'np.where({keep}, rng.normal(size={shape}), -np.inf)')}")
    if o.integer(0, 1):
        found.append(f"key_mask=(rng.random(({batch}, {s})) < 0.6) | (np.arange({s}) == 0)")
    if o.integer(0, 1):
        found.append("causal=True")
    return ", ".join(found)


def attention(o: Options, name: str) -> Made:
    batch, t, s, d, e, v = o.one(2, 1, 3), *(o.size(1, 4) for _ in range(5))
    if name in ("MultiHeadAttention", "TransformerEncoderLayer"):
        heads, first = o.one(1, 2, 3), o.integer(0, 1)
        d = heads * o.size(1, 3)
        # Of one number LayerNorm leaves nothing, of two their signs.
        d = 3 * heads if d < 2 else d

        def given(length: int) -> str:
            return normal(batch, length, d) if first else normal(length, batch, d)

        if name == "MultiHeadAttention":
            several = o.integer(0, 1)
            inputs = [given(t), given(s), given(s)] if several else [given(t)]
            text = f"{d}, {heads}{o.flag('bias')}, batch_first={bool(first)}, rng=rng"
            return Made(f"nn.{name}({text})", inputs, masks(o, batch, t, s if several else t))
        text = f"{d}, {heads}, {o.size()}, 0.0, {o.one('relu', 'gelu')!r}, batch_first={bool(first)}{o.flag('norm_first', False)}"
        return Made(f"nn.{name}({text}, rng=rng)", [given(t)], masks(o, batch, t, t))
    e = d if name == "DotProductAttention" else e
    text = {
        "DotProductAttention": o.flag("scale").strip(", "),
        "GeneralAttention": f"{d}, {e}, rng=rng",
        "ConcatAttention": f"{d}, {e}, {o.size()}, rng=rng",
    }[name]
    given = [normal(batch, t, d), normal(batch, s, e), normal(batch, s, v)]
    return Made(f"nn.{name}({text})", given, masks(o, batch, t, s))


def loss(o: Options, name: str) -> Made:
    shape = tuple(o.size(1, 4) for _ in range(o.integer(1, 4)))
    options = f"reduction={o.one('mean', 'sum', 'none')!r}"
    x, target = normal(*shape), normal(*shape)
    unit = f"rng.uniform(0.05, 0.95, {shape})"
    bits = f"rng.integers(0, 2, {shape}).astype(float)"
    if name in ("CrossEntropyLoss", "NLLLoss"):
        shape = (o.size(2, 5), o.size(2, 5), *shape[2:])
        rest = (shape[0], *shape[2:])
        x = f"np.log(rng.uniform(0.1, 1, {shape}))" if name == "NLLLoss" else normal(*shape)
        target = f"rng.integers(0, {shape[1]}, {rest})"
        if o.integer(0, 1):
            target = (
                f"np.where(np.arange({np.prod(rest)}).reshape({rest}) % 3 == 1, -100, {target})"
            )
        options += f", weight=rng.uniform(0.3, 2, {shape[1]})" if o.integer(0, 1) else ""
        if name == "CrossEntropyLoss":
            options += o.one("", ", label_smoothing=0.2")
            target = o.one(
                target, f"np.moveaxis(rng.dirichlet(np.ones({shape[1]}), {rest}), -1, 1)"
            )
    elif name == "BCELoss":
        x, target = f"rng.uniform(0.2, 0.8, {shape})", o.one(unit, bits)  # away from 0 and 1
        options += f", weight=rng.uniform(0.3, 2, {shape})" if o.integer(0, 1) else ""
    elif name == "BCEWithLogitsLoss":
        target = o.one(unit, bits)
        options += f", weight=rng.uniform(0.3, 2, {shape[-1]})" if o.integer(0, 1) else ""
        options += f", pos_weight=rng.uniform(0.3, 2, {shape[-1]})" if o.integer(0, 1) else ""
    elif name == "KLDivLoss":
        x, log = f"np.log({unit})", o.integer(0, 1)
        target = f"np.log({unit})" if log else o.one(unit, f"{bits} * 0.5")
        options = f"reduction={o.one('mean', 'sum', 'none', 'batchmean')!r}, log_target={bool(log)}"
    elif name == "HingeLoss":
        target, options = f"rng.choice([-1.0, 1.0], {shape})", options + o.one("", ", margin=0.7")
    elif name == "HuberLoss":
        options += o.one("", ", delta=0.6")
    return Made(f"nn.{name}({options})", [x, target])


FAMILIES: dict[Callable[[Options, str], Made], str] = {
    conv: "Conv1d Conv2d ConvTranspose1d ConvTranspose2d",
    pool: "MaxPool1d MaxPool2d AvgPool1d AvgPool2d",
    global_pool: "GlobalAvgPool",
    norm: "BatchNorm1d BatchNorm2d InstanceNorm1d InstanceNorm2d GroupNorm LayerNorm RMSNorm",
    activation: "ReLU LeakyReLU ELU SELU GELU SiLU Sigmoid HardSigmoid Tanh Softplus Softmax LogSoftmax",
    linear: "Linear SparseEvolution RBM",
    joining: "Flatten Add Multiply Identity Residual Sequential",
    dropout: "Dropout Dropout2d",
    embedding: "Embedding PositionalEncoding",
    recurrent: "RNN LSTM GRU RNNCell LSTMCell GRUCell",
    attention: "DotProductAttention GeneralAttention ConcatAttention MultiHeadAttention TransformerEncoderLayer",
    loss: "MSELoss HalfSquaredError L1Loss HuberLoss CrossEntropyLoss NLLLoss BCELoss BCEWithLogitsLoss KLDivLoss HingeLoss",
}
MAKERS = {name: make for make, names in FAMILIES.items() for name in names.split()}


def draw(dice: Dice | Drawn, large: int = 10, family: str = "") -> Layer:
    """Draw a layer whose name has `family` in it; `large` per cent of them see large inputs."""
    o = Options(dice, dice.integer(0, 99) >= 100 - large)
    if o.large and not o.integer(0, 2):
        family = family or "Conv"  # which has the most ways to go
    name = o.one(*[name for name in MAKERS if family in name])
    made = MAKERS[name](o, name)
    dtype = o.one("float64", "float64", "float32")
    return Layer(made, dtype, o.integer(0, 3) != 3, o.integer(0, 10**6))


@st.composite
def layers(draw_from: Any, large: int = 10, family: str = "") -> Layer:
    """Layers that shrink."""
    return draw(Drawn(draw_from), large, family)


def check(layer: Layer, second: bool = True) -> float:
    """Raise AssertionError, or give the worst error of autograd against the closed form."""
    with np.errstate(all="ignore"):
        module, inputs, options = layer.build()
        report = compare(
            module, *inputs, dtype=np.dtype(layer.dtype), elements=2, seed=layer.seed, **options
        )
        assert report.ok, f"{report}\n{layer!r}"
        if second and layer.dtype == "float64":
            second_order(of_layer(module, inputs, options, np.float64), layer.seed)
    return report.worst if layer.dtype == "float64" else 0.0


def second_order(problem: Problem, seed: int) -> None:
    """Compare <Hessian u, v>, for random u and v, with the numerical derivative of <gradient, u>."""
    rng = np.random.default_rng(seed)
    u, v = ({k: rng.standard_normal(a.shape) for k, a in problem.values.items()} for _ in range(2))

    def slope(h: float) -> tuple[Any, dict[str, Tensor]]:
        leaves = {k: Tensor(a + h * v[k], True) for k, a in problem.values.items()}
        signs = np.random.default_rng(seed)
        total: Any = 0.0
        for y in flatten(problem.run(leaves))[0]:
            total = total + (y * signs.uniform(0.5, 1.5, y.shape)).sum()
        if isinstance(total, Tensor) and total.requires_grad:
            total.backward(create_graph=True)
        reached = {k: x for k, x in leaves.items() if x.grad is not None}
        return sum((x.grad * u[k]).sum() for k, x in reached.items()), leaves

    y, leaves = slope(0.0)
    size = abs(y.item()) if isinstance(y, Tensor) else 0.0
    for x in leaves.values():
        x.grad = None
    if isinstance(y, Tensor) and y.requires_grad:
        y.backward()
    terms = {k: bare(x.grad) * v[k] for k, x in leaves.items() if x.grad is not None}
    judged("second", terms, lambda h: float(np.asarray(bare(slope(h)[0]))), size)
