"""Recurrent layers: a step from one state to the next, alone (cells) or along a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from autonn import functional as F
from autonn import init
from autonn.arguments import Probability, Size, Whole, checked
from autonn.init import Rng
from autonn.nn.dropout import Dropout
from autonn.nn.module import Module
from autonn.nn.norms import LayerNorm
from autonn.operands import bare
from autonn.tensors import Tensor

State = tuple[Any, ...]


class _Recurrent(Module):
    """What recurrences share: the weights of each layer and direction, named by a suffix.

    A subclass gives the formula of one step.
    """

    gates = 1  # how many vectors of the hidden size a step computes from x and from h
    states: tuple[str, ...] = ("h",)
    norms: ClassVar[dict[str, int]] = {}  # what layer_norm normalises, in hidden sizes

    def __init__(
        self,
        input_size: Size | None,
        hidden_size: Size,
        bias: bool,
        layer_norm: bool,
        rng: Rng,
        layers: Sequence[tuple[int, str]] = ((0, ""),),
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self._with_bias, self.layer_norm = bias, layer_norm
        self._rng, self._layers = np.random.default_rng(rng), layers
        if input_size is not None:
            self.make(input_size)

    def make(self, input_size: int) -> None:
        """Make the parameters of all layers, the first of which sees the input."""
        self.input_size = input_size
        for size, suffix in self._layers:
            self.make_layer(size or input_size, suffix)

    def make_layer(self, input_size: int, suffix: str) -> None:
        """Make W_ih, W_hh, b_ih and b_hh, uniform within ±1/√hidden_size, and the norms."""
        rows, bound = self.gates * self.hidden_size, self.hidden_size**-0.5
        shapes = {"weight_ih": (rows, input_size), "weight_hh": (rows, self.hidden_size)}
        biases = {"bias_ih": (rows,), "bias_hh": (rows,)} if self._with_bias else {}
        for name, shape in (shapes | biases).items():
            values = init.uniform(shape, self._rng, -bound, bound)
            setattr(self, name + suffix, Tensor(values, requires_grad=True))
        for name, count in self.norms.items() if self.layer_norm else ():
            setattr(self, name + suffix, LayerNorm(count * self.hidden_size))

    def build(self, x: Any, *args: Any, **kwargs: Any) -> None:
        """See the input's size."""
        if self.input_size is None and x.ndim:
            self.make(int(x.shape[-1]))

    def product(self, v: Any, which: str, suffix: str) -> Any:
        """W v of "ih" or "hh", normalised if there is a norm for it."""
        z = np.inner(v, getattr(self, f"weight_{which}{suffix}"))
        return self.normed(z, f"norm_{which}{suffix}")

    def entering(self, x: Any, suffix: str) -> Any:
        """W_ih x + b_ih + b_hh: all that does not depend on the state, at all times at once."""
        z = self.product(x, "ih", suffix)
        if not self._with_bias:
            return z
        return z + (getattr(self, f"bias_ih{suffix}") + getattr(self, f"bias_hh{suffix}"))

    def normed(self, z: Any, name: str) -> Any:
        """Apply the norm of this name, if there is one."""
        norm = getattr(self, name, None)
        return z if norm is None else norm(z)

    def step(self, a: Any, state: State, suffix: str) -> State:
        """Give the next state, of what enters and the last one."""
        raise NotImplementedError

    def describe(self) -> str:
        """Give the sizes and the options."""
        told = f"{self.input_size or '?'} → {self.hidden_size}"
        return told + ", layer_norm" * self.layer_norm + ", no bias" * (not self._with_bias)


class _Elman(_Recurrent):
    norms: ClassVar = {"norm": 1}
    nonlinearity = "tanh"

    def step(self, a: Any, state: State, suffix: str) -> State:
        """H' = tanh(a + W_hh h), of a = W_ih x + b_ih + b_hh."""
        z = self.normed(a + self.product(state[0], "hh", suffix), "norm" + suffix)
        return ((np.tanh if self.nonlinearity == "tanh" else F.relu)(z),)


class _LongShortTerm(_Recurrent):
    gates, states = 4, ("h", "c")
    norms: ClassVar = {"norm_ih": 4, "norm_hh": 4, "norm_c": 1}

    def step(self, a: Any, state: State, suffix: str) -> State:
        """C' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c'), of [i, f, g, o] = a + W_hh h."""
        h, c = state
        i, f, g, o = np.split(a + self.product(h, "hh", suffix), 4, axis=-1)
        c = F.sigmoid(f) * c + F.sigmoid(i) * np.tanh(g)
        return F.sigmoid(o) * np.tanh(self.normed(c, "norm_c" + suffix)), c


class _Gated(_Recurrent):
    gates = 3
    norms: ClassVar = {"norm_ih": 3, "norm_hh": 3}

    def entering(self, x: Any, suffix: str) -> Any:
        """W_ih x + b_ih: b_hh is multiplied by r, which depends on the state."""
        z = self.product(x, "ih", suffix)
        return z + getattr(self, f"bias_ih{suffix}") if self._with_bias else z

    def step(self, a: Any, state: State, suffix: str) -> State:
        """H' = (1 - z) n + z h, n = tanh(a_n + r b_n), of b = W_hh h + b_hh."""
        (h,) = state
        b = self.product(h, "hh", suffix)
        b = b + getattr(self, f"bias_hh{suffix}") if self._with_bias else b
        n = self.hidden_size
        r, z = np.split(F.sigmoid(a[..., : 2 * n] + b[..., : 2 * n]), 2, axis=-1)
        new = np.tanh(a[..., 2 * n :] + r * b[..., 2 * n :])
        return ((1 - z) * new + z * h,)


# ----- One step -----


class _Cell(_Recurrent):
    """One step of a recurrence."""

    @checked
    def __init__(
        self,
        input_size: Size | None,
        hidden_size: Size,
        bias: bool = True,
        *,
        layer_norm: bool = False,
        rng: Rng = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, layer_norm, rng)

    def forward(self, x: Any, state: Any = None) -> Any:
        """X (..., input_size); the state and the next one (..., hidden_size), by default 0."""
        if not x.ndim or x.shape[-1] != self.input_size:
            wanted = f"(..., {self.input_size})"
            raise ValueError(f"{self.label}: input has shape {x.shape}, expected {wanted}")
        shape = (*x.shape[:-1], self.hidden_size)
        states = checked_state(self, state, shape, x.dtype)
        new = self.step(self.entering(x, ""), states, "")
        return new if len(new) > 1 else new[0]


def checked_state(module: _Recurrent, state: Any, shape: tuple[int, ...], dtype: Any) -> State:
    """Give a state as a tuple, zeros by default; refuse another shape."""
    names = ", ".join(module.states)
    if state is None:
        return tuple(np.zeros(shape, dtype) for _ in module.states)
    states = tuple(state) if isinstance(state, tuple | list) else (state,)
    if [np.shape(s) for s in states] != [shape] * len(module.states):
        seen = ", ".join(str(np.shape(s)) for s in states)
        wanted = f"({names}), each {shape}" if len(module.states) > 1 else f"{names} {shape}"
        raise ValueError(f"{module.label}: state of shape {seen}, expected {wanted}")
    return states


class RNNCell(_Cell, _Elman):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh): Elman 1990, Finding structure in time.

    Parameters
    ----------
    input_size, hidden_size
        Lengths of x and of h; with `input_size` None it is seen from the first input.
    bias
        Whether the two biases are there.
    nonlinearity
        "tanh", or "relu" in its place.
    layer_norm
        Whether the sum is normalised before tanh: Ba et al. 2016, arXiv:1607.06450, eq. 4.
    rng
        Draws the initial values, uniform within ±1/√hidden_size, as in PyTorch.

    Attributes
    ----------
    weight_ih, weight_hh, bias_ih, bias_hh
        (hidden_size, input_size), (hidden_size, hidden_size), (hidden_size,), (hidden_size,).

    Examples
    --------
    >>> cell, x = RNNCell(3, 4), np.ones((2, 3), np.float32)
    >>> cell(x, cell(x)).shape
    (2, 4)
    """

    @checked
    def __init__(
        self,
        input_size: Size | None,
        hidden_size: Size,
        bias: bool = True,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        *,
        layer_norm: bool = False,
        rng: Rng = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, layer_norm=layer_norm, rng=rng)
        self.nonlinearity = nonlinearity


class LSTMCell(_Cell, _LongShortTerm):
    """c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c').

    [i, f, g, o] = W_ih x + b_ih + W_hh h + b_hh. Hochreiter and Schmidhuber 1997, Neural
    Computation 9; with the forget gate of Gers et al. 2000.

    Parameters
    ----------
    layer_norm
        Whether W_ih x, W_hh h, and c' before its tanh are normalised: Ba et al. 2016,
        arXiv:1607.06450, supplement.
    input_size, hidden_size, bias, rng
        As in `RNNCell`; weights have 4 hidden_size rows, in the order i, f, g, o.

    Examples
    --------
    >>> cell, x = LSTMCell(3, 4), np.ones((2, 3), np.float32)
    >>> h, c = cell(x, cell(x))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """


class GRUCell(_Cell, _Gated):
    """h' = (1 - σ(z)) tanh(a_n + σ(r) b_n) + σ(z) h, of a = W_ih x + b_ih and b = W_hh h + b_hh.

    [r, z] = a_rz + b_rz. Cho et al. 2014, arXiv:1406.1078, with r after the product, as in PyTorch.

    Parameters
    ----------
    layer_norm
        Whether W_ih x and W_hh h are normalised.
    input_size, hidden_size, bias, rng
        As in `RNNCell`; weights have 3 hidden_size rows, in the order r, z, n.

    Examples
    --------
    >>> cell, x = GRUCell(3, 4), np.ones((2, 3), np.float32)
    >>> cell(x, cell(x)).shape
    (2, 4)
    """


# ----- Along a sequence -----

Layers = Annotated[int, Whole(1, 9999)]


class _Layers(_Recurrent):
    """A recurrence along a sequence, in layers one above the other, in one direction or both."""

    @checked
    def __init__(
        self,
        input_size: Size | None,
        hidden_size: Size,
        num_layers: Layers = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: Probability = 0.0,
        bidirectional: bool = False,
        *,
        merge: Literal["concat", "sum", "average", "multiply"] = "concat",
        layer_norm: bool = False,
        rng: Rng = None,
    ) -> None:
        ways = ("", "_reverse") if bidirectional else ("",)
        merged = hidden_size * (len(ways) if merge == "concat" else 1)
        layers = [(merged * (i > 0), f"_l{i}{way}") for i in range(num_layers) for way in ways]
        super().__init__(input_size, hidden_size, bias, layer_norm, rng, layers)
        self.num_layers, self.ways, self.merge = num_layers, ways, merge
        self.batch_first = batch_first
        self.dropout = Dropout(dropout, rng=self._rng) if dropout else None

    def forward(self, x: Any, state: Any = None, mask: Any = None) -> tuple[Any, Any]:
        """X (T, N, input_size), or batch first; gives the top layer's h at all times, and the end.

        The states, given and returned, are (layers × directions, N, hidden_size), for LSTM two of
        them, h and c. `mask`, in x's first two axes, is False at padding: there the state stays as
        it is, and the output is 0.
        """
        if x.ndim != 3 or x.shape[-1] != self.input_size:
            order = "N, T" if self.batch_first else "T, N"
            told = f"input has shape {x.shape}, expected ({order}, {self.input_size})"
            raise ValueError(f"{self.label}: {told}")
        if mask is not None:
            mask = np.asarray(bare(mask))
            if mask.shape != x.shape[:2] or mask.dtype.kind != "b":
                told = f"mask is {mask.dtype} of shape {mask.shape}"
                raise ValueError(f"{self.label}: {told}; want booleans of shape {x.shape[:2]}")
            mask = (mask.T if self.batch_first else mask)[..., None]  # (T, N, 1)
        if self.batch_first:
            x = np.swapaxes(x, 0, 1)
        if not len(x):
            raise ValueError(f"{self.label}: the sequence has no time steps")
        if mask is not None:
            x = np.where(mask, x, 0)  # so that not even a NaN gets out of the padding
        shape = (self.num_layers * len(self.ways), x.shape[1], self.hidden_size)
        states = checked_state(self, state, shape, x.dtype)
        final: list[State] = []
        for i in range(self.num_layers):
            if i and self.dropout is not None:
                x = self.dropout(x)
            outputs = []
            for way in self.ways:
                start = tuple(s[len(final)] for s in states)
                y, end = self.run(x, start, f"_l{i}{way}", mask)
                outputs.append(y)
                final.append(end)
            x = self.merged(outputs)
        together = tuple(np.stack(parts) for parts in zip(*final, strict=True))
        x = np.swapaxes(x, 0, 1) if self.batch_first else x
        return x, together if len(together) > 1 else together[0]

    def run(self, x: Any, state: State, suffix: str, mask: Any) -> tuple[Any, State]:
        """Step along x (T, N, size) in one layer and direction: h at all times, the last state."""
        a = self.entering(x, suffix)  # (T, N, gates × hidden_size)
        times = range(len(x))
        outputs: list[Any] = [None] * len(x)
        for t in reversed(times) if suffix.endswith("_reverse") else times:
            new = self.step(a[t], state, suffix)
            if mask is not None:
                new = tuple(np.where(mask[t], s, old) for s, old in zip(new, state, strict=True))
            state = new
            outputs[t] = state[0]
        y = np.stack(outputs)  # (T, N, hidden_size)
        return (y if mask is None else np.where(mask, y, 0)), state

    def merged(self, outputs: list[Any]) -> Any:
        """Join the outputs of both directions."""
        if len(outputs) == 1:
            return outputs[0]
        there, back = outputs
        if self.merge == "concat":
            return np.concatenate([there, back], axis=-1)
        if self.merge == "multiply":
            return there * back
        return (1.0 if self.merge == "sum" else 0.5) * (there + back)

    def describe(self) -> str:
        """Give the sizes and the options."""
        layers = f", {self.num_layers} layers" * (self.num_layers > 1)
        both = f", both ways ({self.merge})" * (len(self.ways) > 1)
        return super().describe() + layers + both


class RNN(_Layers, _Elman):
    """h[t] = tanh(W_ih x[t] + b_ih + W_hh h[t - 1] + b_hh), along a sequence: Elman 1990.

    Parameters
    ----------
    input_size, hidden_size
        Lengths of x[t] and of h[t]; with `input_size` None it is seen from the first input.
    num_layers
        How many layers stand one above the other, each with the one below for its input.
    nonlinearity
        "tanh", or "relu" in its place.
    bias
        Whether the biases are there.
    batch_first
        Whether inputs are (N, T, input_size) and not (T, N, input_size), as in PyTorch.
    dropout
        Applied to what each layer but the top one gives, in training.
    bidirectional
        Whether a second recurrence runs from the end.
    merge
        What becomes of the two: "concat", "sum", "average" or "multiply".
    layer_norm
        Whether each step normalises, as in `RNNCell`.
    rng
        Draws initial values and dropout masks.

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_ih_l0_reverse, ...
        As in `RNNCell`, for each layer and direction.

    Examples
    --------
    >>> y, h = RNN(3, 4, num_layers=2)(np.ones((5, 2, 3), np.float32))
    >>> y.shape, h.shape
    ((5, 2, 4), (2, 2, 4))
    """

    @checked
    def __init__(
        self,
        input_size: Size | None,
        hidden_size: Size,
        num_layers: Layers = 1,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: Probability = 0.0,
        bidirectional: bool = False,
        *,
        merge: Literal["concat", "sum", "average", "multiply"] = "concat",
        layer_norm: bool = False,
        rng: Rng = None,
    ) -> None:
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            merge=merge,
            layer_norm=layer_norm,
            rng=rng,
        )
        self.nonlinearity = nonlinearity


class LSTM(_Layers, _LongShortTerm):
    """`LSTMCell` along a sequence, in layers, in one direction or both; arguments as in `RNN`.

    Examples
    --------
    >>> y, (h, c) = LSTM(3, 4, bidirectional=True)(np.ones((5, 2, 3), np.float32))
    >>> y.shape, h.shape, c.shape
    ((5, 2, 8), (2, 2, 4), (2, 2, 4))
    """


class GRU(_Layers, _Gated):
    """`GRUCell` along a sequence, in layers, in one direction or both; arguments as in `RNN`.

    Examples
    --------
    >>> y, h = GRU(3, 4, batch_first=True)(np.ones((2, 5, 3), np.float32))
    >>> y.shape, h.shape
    ((2, 5, 4), (1, 2, 4))
    """
