"""Recurrences, derived by hand: backpropagation through time, once for all three kinds of step.

A step makes the next state of the last one and of a = W_ih x + b_ih and b = W_hh h + b_hh. Let δa
and δb be their cotangents. Time runs backwards: h[t] gets what y[t] gives it, and what the step to
h[t + 1] gives it, which is δb[t + 1] W_hh through the product, and what is kept of h past it:

δh[t] = ∂L/∂y[t] + δb[t + 1] W_hh + kept[t + 1].

A kind of step has only to say how δa, δb and kept follow from δh' (and δc'). Since the steps share
their weights, the steps' gradients add up: ∂L/∂W_ih = Σ δa[t]ᵀ x[t] and ∂L/∂W_hh = Σ δb[t]ᵀ h[t-1],
each one matrix product over all times and examples, once time has run.

- A norm in between (Ba et al. 2016, arXiv:1607.06450, eq. 4) is met on the way, at each time.
- At padding the state stays: there δh' goes on to h as it is, and δa = δb = 0.

Rumelhart, Hinton and Williams 1986, Parallel distributed processing 1, chapter 8; Werbos 1990,
Proceedings of the IEEE 78, 10.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from autonn.oracle.activations import logistic
from autonn.oracle.base import Bound, Gradients
from autonn.oracle.linear import rows

Arrays: TypeAlias = Mapping[str, Any]
Bounds: TypeAlias = Mapping[str, Bound]
State: TypeAlias = tuple[Any, ...]
Back: TypeAlias = Callable[[Any], Any]


def times(x: Any, weight: Any) -> Any:
    """X (..., in) by weight (in, out), as one product."""
    return (rows(x) @ weight).reshape(*x.shape[:-1], weight.shape[1])


NOTHING = Bound(lambda z: (z, None), lambda g, cache: {"x": g})


def where(mask: Any, t: int, new: State, old: State) -> State:
    """Give the new state where the mask is True at t, the old one elsewhere."""
    if mask is None:
        return new
    return tuple(np.where(mask[t], n, o) for n, o in zip(new, old, strict=True))


class Own(NamedTuple):
    """What one layer and direction has, by names with its suffix."""

    p: Arrays
    children: Bounds
    relu: bool
    suffix: str = ""

    def array(self, name: str) -> Any:
        """Give a parameter; 0 for a bias that is not there."""
        return self.p.get(name + self.suffix, 0)

    def norm(self, name: str) -> Bound:
        """Give a norm; a Bound that does nothing if it is not there."""
        return self.children.get(name + self.suffix, NOTHING)

    def through(self, name: str, found: Gradients, cache: Any, g: Any) -> Any:
        """Go back through a norm, which is met at many times: its parameters' gradients add up."""
        for key, value in self.norm(name).backward(g, cache).items():
            if key == "x":
                g = value
            else:
                full = f"{name}{self.suffix}.{key}"
                found[full] = found.get(full, 0) + value
        return g


class Recurrence:
    """One layer in one direction, for any kind of step; see the module for the derivation."""

    states = 1
    inner = "norm"  # the name of the norm within a step

    @staticmethod
    def step(a: Any, b: Any, state: State, norm: Bound, relu: bool) -> tuple[State, Any, Any]:
        """Give the next state, the slopes that `back` needs, and the cache of the norm."""
        raise NotImplementedError

    @staticmethod
    def back(g: State, slopes: Any, past_norm: Back) -> tuple[Any, Any, State]:
        """Give δa, δb and what is kept; `past_norm` takes a cotangent back through the norm."""
        raise NotImplementedError

    @classmethod
    def run(cls, x: Any, state: State, mask: Any, own: Own) -> tuple[Any, State, Any]:
        """Step along x (T, ..., in): h at all times, the last state, and a cache."""
        weight_hh, bias_hh = own.array("weight_hh").T, own.array("bias_hh")
        norm_hh, inner = own.norm("norm_hh"), own.norm(cls.inner)
        a, of_input = own.norm("norm_ih").forward(times(x, own.array("weight_ih").T))
        a = a + own.array("bias_ih")
        before, steps, outputs = [], [], []
        for t in range(len(x)):
            b, of_hidden = norm_hh.forward(state[0] @ weight_hh)
            new, slopes, of_inner = cls.step(a[t], b + bias_hh, state, inner, own.relu)
            before.append(state[0])
            steps.append((slopes, of_inner, of_hidden))
            state = where(mask, t, new, state)
            outputs.append(state[0])
        y = np.stack(outputs) if mask is None else np.where(mask, np.stack(outputs), 0)
        return y, state, (x, mask, own, before, steps, of_input)

    @classmethod
    def run_back(cls, g_y: Any, g: State, cache: Any) -> tuple[Any, State, Gradients]:
        """Step back: ∂L/∂x, ∂L/∂(first state), and the parameters' gradients by name."""
        x, mask, own, before, steps, of_input = cache
        weight_hh, found = own.array("weight_hh"), Gradients()
        if mask is not None:
            g_y = np.where(mask, g_y, 0)
        of_a = np.empty((*x.shape[:-1], len(weight_hh)), weight_hh.dtype)
        of_b, of_product = np.empty_like(of_a), np.empty_like(of_a)
        for t in reversed(range(len(x))):
            slopes, of_inner, of_hidden = steps[t]
            g = (g[0] + g_y[t], *g[1:])
            live = where(mask, t, g, (0,) * cls.states)
            past_norm = partial(own.through, cls.inner, found, of_inner)
            of_a[t], of_b[t], kept = cls.back(live, slopes, past_norm)
            of_product[t] = own.through("norm_hh", found, of_hidden, of_b[t])
            g = where(mask, t, (of_product[t] @ weight_hh + kept[0], *kept[1:]), g)
        of_input_product = own.through("norm_ih", found, of_input, of_a)
        shared = {
            "bias_ih": rows(of_a).sum(0),
            "bias_hh": rows(of_b).sum(0),
            "weight_ih": rows(of_input_product).T @ rows(x),
            "weight_hh": rows(of_product).T @ rows(np.stack(before)),
        }
        found |= {k + own.suffix: v for k, v in shared.items() if k + own.suffix in own.p}
        return times(of_input_product, own.array("weight_ih")), g, found


# ----- The three kinds of step -----


class Elman(Recurrence):
    """h' = tanh(z), z = a + b: δa = δb = δh' (1 - h'²), or δh' where z > 0 with relu."""

    @staticmethod
    def step(a: Any, b: Any, state: State, norm: Bound, relu: bool) -> tuple[State, Any, Any]:
        """H'."""
        z, cache = norm.forward(a + b)
        h = np.maximum(z, 0) if relu else np.tanh(z)
        return (h,), z > 0 if relu else (1 + h) * (1 - h), cache

    @staticmethod
    def back(g: State, slopes: Any, past_norm: Back) -> tuple[Any, Any, State]:
        """Nothing is kept: h goes on through b alone."""
        of_sum = past_norm(g[0] * slopes)
        return of_sum, of_sum, (0,)


class LongShortTerm(Recurrence):
    """c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c'), of [i, f, g, o] = a + b.

    c' has two ways to the loss, its own and that through h'. With î = σ(i), ĝ = tanh(g), and so on,

    - δ = δc' + δh' ô (1 - tanh(c')²), and δ f̂ is kept of it for c,
    - δi = δ ĝ î (1 - î), δf = δ c f̂ (1 - f̂), δg = δ î (1 - ĝ²), δo = δh' tanh(c') ô (1 - ô).

    So c's cotangent meets no weights on its way: that is the constant error carousel. Hochreiter
    and Schmidhuber 1997, Neural Computation 9, 8, section 3.2; Graves and Schmidhuber 2005, Neural
    Networks 18, appendix A; Greff et al. 2017, arXiv:1503.04069, section 2.B.
    """

    states = 2
    inner = "norm_c"

    @staticmethod
    def step(a: Any, b: Any, state: State, norm: Bound, relu: bool) -> tuple[State, Any, Any]:
        """H' and c'."""
        c = state[1]
        z = (a + b).reshape(*c.shape[:-1], 4, c.shape[-1])
        gates, rest = logistic(z[..., [0, 1, 3], :])
        i, f, o = np.moveaxis(gates, -2, 0)
        of_i, of_f, of_o = np.moveaxis(gates * rest, -2, 0)
        g = np.tanh(z[..., 2, :])
        new = f * c + i * g
        normed, cache = norm.forward(new)
        t = np.tanh(normed)
        rises = np.stack([g * of_i, c * of_f, i * (1 + g) * (1 - g), t * of_o], -2)
        return (o * t, new), (rises, o * (1 + t) * (1 - t), f), cache

    @staticmethod
    def back(g: State, slopes: Any, past_norm: Back) -> tuple[Any, Any, State]:
        """Of c, δ f̂ is kept; of h nothing."""
        of_h, of_c = g
        rises, by_h, f = slopes
        of_c = of_c + past_norm(of_h * by_h)
        of_gates = rises * of_c[..., None, :]
        of_gates[..., 3, :] = rises[..., 3, :] * of_h
        flat = of_gates.reshape(*f.shape[:-1], 4 * f.shape[-1])
        return flat, flat, (0, of_c * f)


class Gated(Recurrence):
    """h' = (1 - ẑ) n + ẑ h, n = tanh(a_n + r̂ b_n), r̂ = σ(a_r + b_r), ẑ = σ(a_z + b_z).

    δa_n = δh' (1 - ẑ) (1 - n²), and from there

    - δr = δa_n b_n r̂ (1 - r̂) and δz = δh' (h - n) ẑ (1 - ẑ), of a and of b alike,
    - δb_n = δa_n r̂: here alone a and b differ,
    - and δh' ẑ is kept for h.

    Cho et al. 2014, arXiv:1406.1078, eqs. 5 to 8 for the step, which forgets by 1 - ẑ and has r̂
    before the product.
    """

    @staticmethod
    def step(a: Any, b: Any, state: State, norm: Bound, relu: bool) -> tuple[State, Any, Any]:
        """H'."""
        (h,) = state
        a, b = (v.reshape(*h.shape[:-1], 3, h.shape[-1]) for v in (a, b))
        gates, rest = logistic(a[..., :2, :] + b[..., :2, :])
        r, z = gates[..., 0, :], gates[..., 1, :]
        of_r, of_z = np.moveaxis(gates * rest, -2, 0)
        n = np.tanh(a[..., 2, :] + r * b[..., 2, :])
        of_n = rest[..., 1, :] * (1 + n) * (1 - n)
        rises = np.stack([of_n * b[..., 2, :] * of_r, (h - n) * of_z, of_n], -2)
        return (rest[..., 1, :] * n + z * h,), (rises, r, z), None

    @staticmethod
    def back(g: State, slopes: Any, past_norm: Back) -> tuple[Any, Any, State]:
        """Of h, δh' ẑ is kept."""
        rises, r, z = slopes
        of_a = rises * g[0][..., None, :]
        of_b = of_a.copy()
        of_b[..., 2, :] *= r
        flat = (*z.shape[:-1], 3 * z.shape[-1])
        return of_a.reshape(flat), of_b.reshape(flat), (g[0] * z,)


# ----- One step: a sequence of length 1 -----


def tupled(state: Any) -> State:
    """Give the state as a tuple."""
    return tuple(state) if isinstance(state, tuple | list) else (state,)


def loose(state: State) -> Any:
    """Give a state of one array as that array."""
    return state if len(state) > 1 else state[0]


def named(gradients: State, state: Any) -> Gradients:
    """Name the gradients of a state that was given: "state", or "state0" and "state1"."""
    if isinstance(state, tuple | list):
        return {f"state{i}": g for i, g in enumerate(gradients)}
    return {} if state is None else {"state": gradients[0]}


class Cell(Recurrence):
    """One step of a recurrence: a sequence of length 1, of which the end is what counts."""

    @classmethod
    def forward(
        cls, x: Any, state: Any = None, *, p: Arrays, children: Bounds, nonlinearity: str = "tanh"
    ) -> tuple[Any, Any]:
        """X (..., in); the state and the next one (..., hidden), for an LSTM h and c."""
        zeros = np.zeros((*x.shape[:-1], p["weight_hh"].shape[1]), x.dtype)
        start = (zeros,) * cls.states if state is None else tupled(state)
        _, end, cache = cls.run(x[None], start, None, Own(p, children, nonlinearity == "relu"))
        return loose(end), (cache, state)

    @classmethod
    def backward(cls, g: Any, cache: Any) -> Gradients:
        """∂L/∂x, of the state if it was given, and of the parameters."""
        inside, state = cache
        of_x, of_state, found = cls.run_back((0,), tupled(g), inside)
        return found | {"x": of_x[0]} | named(of_state, state)


class RNNCell(Elman, Cell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh); see `Elman`. Elman 1990, Cognitive Science 14."""


class LSTMCell(LongShortTerm, Cell):
    """c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c'); see `LongShortTerm`."""


class GRUCell(Gated, Cell):
    """h' = (1 - σ(z)) tanh(a_n + σ(r) b_n) + σ(z) h; see `Gated`."""

    @classmethod
    def terms(cls, g: Any, cache: Any) -> dict[str, dict[str, Any]]:
        """∂L/∂state in parts that add up."""
        (*_, steps, _), state = cache
        kept = g * steps[0][0][2]
        names, found = named((kept,), state), cls.backward(g, cache)
        return {k: {"kept": kept, "through the gates": found[k] - kept} for k in names}


# ----- Along a sequence -----

TURNS = slice(None), slice(None, None, -1)  # as it is, and from the end
MERGES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {  # and their ways back
    "alone": (lambda u: u, lambda g, u: (g,)),
    "concat": (lambda u, v: np.concatenate([u, v], -1), lambda g, u, v: np.split(g, 2, -1)),
    "sum": (lambda u, v: u + v, lambda g, u, v: (g, g)),
    "average": (lambda u, v: (u + v) / 2, lambda g, u, v: (g / 2, g / 2)),
    "multiply": (lambda u, v: u * v, lambda g, u, v: (g * v, g * u)),
}


class Layers(Recurrence):
    """Recurrences one above the other: each layer's ∂L/∂x is the cotangent of the one below.

    The second direction is the same recurrence along x turned round. (Schuster and Paliwal 1997,
    IEEE Transactions on signal processing 45, 11.)
    """

    @classmethod
    def forward(
        cls,
        x: Any,
        state: Any = None,
        mask: Any = None,
        *,
        p: Arrays,
        children: Bounds,
        num_layers: int = 1,
        ways: Sequence[str] = ("",),
        merge: str = "concat",
        batch_first: bool = False,
        nonlinearity: str = "tanh",
    ) -> tuple[Any, Any]:
        """X (T, N, in), or batch first; y, and the last states (layers × ways, N, hidden)."""
        x = np.swapaxes(x, 0, 1) if batch_first else x
        if mask is not None:
            mask = (np.asarray(mask).T if batch_first else np.asarray(mask))[..., None]
            x = np.where(mask, x, 0)
        zeros = np.zeros((num_layers * len(ways), x.shape[1], p["weight_hh_l0"].shape[1]), x.dtype)
        starts = (zeros,) * cls.states if state is None else tupled(state)
        dropout, merge = children.get("dropout", NOTHING), merge if len(ways) > 1 else "alone"
        ends: list[State] = []
        layers = []
        for i in range(num_layers):
            x, dropped = (dropout if i else NOTHING).forward(x)
            outputs, runs = [], []
            for way, turn in zip(ways, TURNS, strict=False):
                own = Own(p, children, nonlinearity == "relu", f"_l{i}{way}")
                start = tuple(s[len(ends)] for s in starts)
                y, end, run = cls.run(x[turn], start, None if mask is None else mask[turn], own)
                outputs.append(y[turn])
                runs.append(run)
                ends.append(end)
            x = MERGES[merge][0](*outputs)
            layers.append((outputs, runs, dropped))
        end = loose(tuple(np.stack(parts) for parts in zip(*ends, strict=True)))
        y = np.swapaxes(x, 0, 1) if batch_first else x
        return (y, end), (layers, dropout, merge, batch_first, state)

    @classmethod
    def backward(cls, g: Any, cache: Any) -> Gradients:
        """∂L/∂x, of the state if it was given, and of the parameters."""
        layers, dropout, merge, batch_first, state = cache
        of_x, of_ends = np.swapaxes(g[0], 0, 1) if batch_first else g[0], tupled(g[1])
        found: Gradients = {}
        starts: list[State] = []
        for i, (outputs, runs, dropped) in reversed([*enumerate(layers)]):
            of_ys, of_x = MERGES[merge][1](of_x, *outputs), 0
            for of_y, run, turn in reversed([*zip(of_ys, runs, TURNS, strict=False)]):
                end = tuple(part[-1 - len(starts)] for part in of_ends)
                of_way, start, new = cls.run_back(of_y[turn], end, run)
                of_x = of_x + of_way[turn]
                starts.append(start)
                found |= new
            of_x = (dropout if i else NOTHING).backward(of_x, dropped)["x"]
        of_state = tuple(np.stack(parts[::-1]) for parts in zip(*starts, strict=True))
        of_x = np.swapaxes(of_x, 0, 1) if batch_first else of_x
        return found | {"x": of_x} | named(of_state, state)


class RNN(Elman, Layers):
    """h[t] = tanh(W_ih x[t] + b_ih + W_hh h[t - 1] + b_hh); see `Elman`, and the module."""


class LSTM(LongShortTerm, Layers):
    """`LSTMCell` along a sequence; see `LongShortTerm`, and the module."""


class GRU(Gated, Layers):
    """`GRUCell` along a sequence; see `Gated`, and the module."""
