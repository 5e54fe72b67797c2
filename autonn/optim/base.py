"""The Optimizer: parameters, what an update rule remembers of each, and the step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from inspect import signature
from typing import Any, ClassVar, Literal

import numpy as np

from autonn.arguments import Count, check
from autonn.arrays import arrays_in
from autonn.operands import bare
from autonn.optim.groups import Group, is_weight, read_groups, read_option
from autonn.tensors import Tensor

Array = np.ndarray[Any, Any]


class Optimizer:
    """p ← p - what an update rule makes of the gradient g: what all optimisers share.

    A subclass gives its options to `__init__`, says in `slots` which arrays it remembers for each
    parameter, and defines `update`. Parameters are written to in place; a graph or view that still
    holds their old values keeps them. A step allocates nothing but, once, what it remembers and
    room for intermediate results, twice the size of the largest parameter.

    Parameters
    ----------
    params
        A Module, an iterable of Tensors or of (name, Tensor), or a list of groups: dicts with any
        of these as "params", and options of their own. From a Module, frozen parameters come
        along; they are passed over while they are frozen.
    defaults
        The options, for groups that do not have their own.

    Attributes
    ----------
    param_groups
        A list of dicts: "params", "names" and the options, such as "lr", which may be changed.

    Raises
    ------
    TypeError
        For parameters that are no Tensors, and options of a wrong type.
    ValueError
        Without parameters (also when a layer has yet to see its shapes), for parameters that are
        no leaves, do not require grad or come twice, and for options that are unknown or out of
        their range.

    Examples
    --------
    >>> class SignDescent(Optimizer):
    ...     def __init__(self, params, lr=0.01):
    ...         super().__init__(params, lr=lr)
    ...
    ...     @staticmethod
    ...     def update(p, g, s, *, t, lr):
    ...         p -= np.multiply(np.sign(g, out=s), lr, out=s)
    >>> x = Tensor([3.0, -1.0], requires_grad=True)
    >>> (x**2).sum().backward()
    >>> SignDescent([x], lr=0.5).step()
    >>> x
    Tensor([ 2.5, -0.5], requires_grad=True)
    """

    decoupled: ClassVar[bool] = False
    """Whether weight decay shrinks p itself, and not by way of the gradient."""
    update: ClassVar[Callable[..., None]]
    """Change p in place: update(p, g, s, t=..., slot=..., option=...), with s to write to.

    p, g and s have one shape and dtype; g must stay as it is. t counts the steps from 1.
    """

    def __init__(self, params: Any, **defaults: Any) -> None:
        owner = type(self).__name__
        like = {k: p.default for k, p in signature(type(self)).parameters.items()}
        self.defaults = {k: read_option(k, v, like.get(k, v), owner) for k, v in defaults.items()}
        self.param_groups = read_groups(params, self.defaults, owner)
        for group in self.param_groups:
            self.check(group)
        self._kept: dict[str, dict[str, Any]] = {name: {"t": 0} for _, name, _ in self._each()}
        self._room: dict[np.dtype[Any], Array] = {}
        self._views: dict[str, tuple[Array, Array]] = {}  # of the room, by the parameter's name

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        """Give the names of the arrays that are remembered for a parameter, and their first value.

        They are of the parameter's shape and dtype.
        """
        return {}

    def check(self, options: Mapping[str, Any]) -> None:
        """Refuse options that do not go together; all do by default."""

    def _each(self) -> Iterator[tuple[Group, str, Tensor]]:
        for group in self.param_groups:
            for name, p in zip(group["names"], group["params"], strict=True):
                yield group, name, p

    # ----- The step -----

    def step(self) -> None:
        """Update each parameter that has a gradient.

        Raises
        ------
        ValueError
            If none has.
        """
        count = 0
        for group in self.param_groups:
            options = {k: group[k] for k in self.defaults}
            decay, decay_all = options.pop("weight_decay", 0.0), options.pop("decay_all", True)
            slots = self.slots(group)
            for name, p in zip(group["names"], group["params"], strict=True):
                g = p.grad
                if g is not None:
                    own = decay if decay and (decay_all or is_weight(name, p)) else 0.0
                    self._step(name, p, g, own, slots, options)
                    count += 1
        if not count:
            raise ValueError(
                f"{type(self).__name__}.step: no parameter has a gradient: call loss.backward() "
                "first. If you did, the model has other Tensors now (as after astype): make the "
                "optimiser after that"
            )

    def _step(
        self,
        name: str,
        p: Tensor,
        gradient: Tensor,
        decay: float,
        slots: Mapping[str, float],
        options: Mapping[str, Any],
    ) -> None:
        g, x = np.asarray(bare(gradient)), p.writable()
        s, h = self._views[name] if name in self._views else self._scratch(name, x)
        kept = self._remembered(name, x, slots) if slots else self._kept[name]
        kept["t"] += 1
        if decay and self.decoupled:
            x *= 1 - options["lr"] * decay
        elif decay:
            g = np.add(np.multiply(x, decay, out=h), g, out=h)  # of L + decay/2 |p|²
        self.update(x, g, s, **kept, **options)

    def _remembered(self, name: str, x: Array, slots: Mapping[str, float]) -> dict[str, Any]:
        kept = self._kept[name]
        for slot, first in slots.items():
            if slot not in kept:
                kept[slot] = np.full_like(x, first)
        return kept

    def _scratch(self, name: str, x: Array) -> tuple[Array, Array]:
        """Give two arrays like x to write to, which the next parameter will overwrite."""
        n = x.size
        room = self._room.get(x.dtype)
        if room is None or room.size < 2 * n:
            room = self._room[x.dtype] = np.empty(2 * n, x.dtype)
            self._views.clear()  # they were of a smaller one
        order: Literal["C", "F"] = "C" if x.flags.c_contiguous else "F"
        first, second = (room[i : i + n].reshape(x.shape, order=order) for i in (0, n))
        self._views[name] = first, second
        return first, second

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for _, _, p in self._each():
            if p.requires_grad:
                p.grad = None

    # ----- State -----

    def state_dict(self) -> dict[str, Array]:
        """Give all that the next steps depend on, beside the parameters, as a flat dict of arrays.

        There are "<class>/<group>/<option>", and "<parameter>/t" and "<parameter>/<slot>".

        Examples
        --------
        >>> from autonn.optim import SGD
        >>> sorted(SGD([Tensor([1.0], requires_grad=True)], lr=0.1).state_dict())[-2:]
        ['SGD/0/nesterov', 'SGD/0/weight_decay']
        """
        found = {
            f"{type(self).__name__}/{i}/{k}": np.array(group[k])
            for i, group in enumerate(self.param_groups)
            for k in self.defaults
        }
        for group, name, p in self._each():
            kept = self._kept[name]
            if kept["t"]:
                kept = self._remembered(name, np.asarray(bare(p)), self.slots(group))
            found[f"{name}/t"] = np.array(kept["t"])
            found |= {f"{name}/{k}": np.array(kept[k]) for k in self.slots(group) if k in kept}
        return found

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take a state that `state_dict` gave; the next steps are then the same, bit for bit.

        Raises
        ------
        ValueError
            Naming all that is missing, unexpected or of another shape, for the state of another
            optimiser or model. Nothing is loaded then.
        TypeError
            For an option of another type.
        """
        owner = type(self).__name__
        given = arrays_in(state, f"load_state_dict of {owner}")
        groups = [self._options_in(given, i) for i in range(len(self.param_groups))]
        wanted: dict[str, tuple[int, ...]] = {}
        for i, options in enumerate(groups):
            wanted |= {f"{owner}/{i}/{k}": np.shape(options[k]) for k in self.defaults}
            group = self.param_groups[i]
            for name, p in zip(group["names"], group["params"], strict=True):
                wanted[f"{name}/t"] = ()
                if np.any(given.get(f"{name}/t")):  # it has been updated before
                    wanted |= {f"{name}/{slot}": p.shape for slot in self.slots(options)}
        refuse_difference(given, wanted, f"load_state_dict of {owner}")
        for name in self._kept:
            check(f"load_state_dict of {owner}", f"{name}/t", given[f"{name}/t"].item(), Count)
        kept: dict[str, dict[str, Any]] = {}
        for options, group in zip(groups, self.param_groups, strict=True):
            self.check(options)
            for name, p in zip(group["names"], group["params"], strict=True):
                slots = [slot for slot in self.slots(options) if f"{name}/{slot}" in given]
                arrays = {slot: np.empty_like(bare(p)) for slot in slots}
                for slot, array in arrays.items():
                    array[...] = given[f"{name}/{slot}"]
                kept[name] = {"t": int(given[f"{name}/t"]), **arrays}
        self._kept = kept
        for options, group in zip(groups, self.param_groups, strict=True):
            group.update(options)

    def _options_in(self, given: Mapping[str, Array], i: int) -> dict[str, Any]:
        """Read a group's options from a state; what is missing will be told of later."""
        owner, group = type(self).__name__, self.param_groups[i]
        found = {k: given.get(f"{owner}/{i}/{k}", np.array(group[k])) for k in self.defaults}
        return {k: read_option(k, v.tolist(), self.defaults[k], owner) for k, v in found.items()}

    def __repr__(self) -> str:
        options = ", ".join(f"{k}={v}" for k, v in self.defaults.items())
        return f"{type(self).__name__}({len(self._kept)} parameters, {options})"


def refuse_difference(
    given: Mapping[str, Array], wanted: Mapping[str, tuple[int, ...]], owner: str
) -> None:
    """Refuse a state whose names or shapes are not the wanted ones, and name them all."""
    problems = [f"missing: {key}" for key in wanted if key not in given]
    problems += [f"unexpected: {key}" for key in given if key not in wanted]
    for key, value in [(key, given[key]) for key in wanted if key in given]:
        if value.shape != wanted[key]:
            problems.append(f"{key} has shape {value.shape}; want {wanted[key]}")
        elif value.dtype.kind not in "fiub":
            problems.append(f"{key} is {value.dtype}; want numbers")
    if problems:
        raise ValueError(f"{owner}: {'; '.join(problems)}")
