"""The Solver of a known exercise: it trains anything that gives a loss and gradients."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, cast

import numpy as np

from autonn.arguments import Positive, Size, checked, shown
from autonn.data import minibatches
from autonn.init import Rng
from autonn.nn import Module
from autonn.operands import bare
from autonn.optim import SGD, Adam, Optimizer, RMSprop
from autonn.tensors import Tensor
from autonn.train.metrics import accuracy

RULES: dict[str, tuple[type[Optimizer], dict[str, Any]]] = {
    "sgd": (SGD, {}),
    "sgd_momentum": (SGD, {"momentum": 0.9}),
    "rmsprop": (RMSprop, {"alpha": 0.99}),
    "adam": (Adam, {}),
}
NAMES = {"learning_rate": "lr", "decay_rate": "alpha", "epsilon": "eps"}


class Solver:
    """Train a model on a dict of arrays, as the CS231n exercises do.

    Parameters
    ----------
    model
        A `Module` with `loss(x, y)` that gives a Tensor. Or a model of the exercise: `params`, a
        dict of arrays, and `loss(x, y)`, which gives a loss and a dict of gradients, and without y
        scores.
    data
        "X_train", "y_train", "X_val", "y_val".
    update_rule
        "sgd", "sgd_momentum", "rmsprop" or "adam".
    optim_config
        The rule's options by the exercise's names: learning_rate, momentum, decay_rate, beta1,
        beta2, epsilon.
    lr_decay
        The factor of the learning rate after each epoch.
    batch_size, num_epochs
        As they say.
    print_every
        After how many steps to print the loss.
    verbose
        Whether to print at all.
    rng
        Shuffles the data: a Generator or a seed.

    Attributes
    ----------
    loss_history
        A number for each step.
    train_acc_history, val_acc_history
        A number for each epoch, and one before the first.
    best_val_acc, best_params
        The best epoch's; the model ends with those parameters.

    Examples
    --------
    >>> from autonn import functional as F
    >>> from autonn import nn
    >>> class Scores(nn.Linear):
    ...     def loss(self, x, y):
    ...         return F.cross_entropy(self(x), y)
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(100, 2)).astype(np.float32)
    >>> y = (x[:, 0] > x[:, 1]).astype(int)
    >>> data = {"X_train": x[:80], "y_train": y[:80], "X_val": x[80:], "y_val": y[80:]}
    >>> model = Scores(2, 2, rng=rng)
    >>> solver = Solver(model, data, "adam", {"learning_rate": 0.1}, verbose=False)
    >>> solver.train()
    >>> solver.best_val_acc > 0.9
    True
    """

    @checked
    def __init__(
        self,
        model: Any,
        data: Mapping[str, Any],
        update_rule: str = "sgd",
        optim_config: Mapping[str, float] | None = None,
        lr_decay: Positive = 1.0,
        batch_size: Size = 100,
        num_epochs: Size = 10,
        print_every: Size = 10,
        verbose: bool = True,
        rng: Rng = None,
    ) -> None:
        own = getattr(model, "params", None)
        if not isinstance(model, Module) and not isinstance(own, Mapping):
            told = f"model is a {type(model).__name__}; want a Module, or params and loss(x, y)"
            raise TypeError(f"Solver: {told}")
        if not isinstance(data, Mapping):
            raise TypeError(f"Solver: data={shown(data)}; want arrays by name")
        if not isinstance(optim_config, Mapping | None):
            raise TypeError(f"Solver: optim_config={shown(optim_config)}; want options by name")
        missing = [k for k in ("X_train", "y_train", "X_val", "y_val") if k not in data]
        if missing:
            raise ValueError(f"Solver: data lacks {', '.join(missing)}")
        if update_rule not in RULES:
            near = get_close_matches(update_rule, RULES, 1)
            told = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"Solver: update_rule={update_rule!r}; want {', '.join(RULES)}{told}")
        self.model, self.data, self.lr_decay = model, dict(data), lr_decay
        self.batch_size, self.num_epochs = batch_size, num_epochs
        self.print_every, self.verbose = print_every, verbose
        self.rng = np.random.default_rng(0 if rng is None else rng)
        self.loss_history: list[float] = []
        self.train_acc_history: list[float] = []
        self.val_acc_history: list[float] = []
        self.best_val_acc, self.best_params = 0.0, self._params()
        if isinstance(model, Module):
            self._tensors = dict(model.named_parameters())
        else:
            self._tensors = {k: Tensor(v, True, k) for k, v in model.params.items()}
        kind, options = RULES[update_rule]
        try:
            self.optimizer = kind(list(self._tensors.items()), **(options | _renamed(optim_config)))
        except TypeError as error:
            told = "learning_rate, momentum, decay_rate, beta1, beta2, epsilon"
            raise ValueError(
                f"Solver: optim_config: {error}; {update_rule} may have {told}"
            ) from None

    def train(self) -> None:
        """Go through the data `num_epochs` times; the model ends with the best parameters."""
        x, y = self.data["X_train"], self.data["y_train"]
        steps = self.num_epochs * -(-len(x) // self.batch_size)
        self._note(0)
        for epoch in range(self.num_epochs):
            for batch in minibatches(x, y, size=self.batch_size, rng=self.rng):
                self._step(*batch)
                done = len(self.loss_history)
                if self.verbose and done % self.print_every == 1 % self.print_every:
                    print(f"(Iteration {done} / {steps}) loss: {self.loss_history[-1]:f}")
            for group in self.optimizer.param_groups:
                group["lr"] *= self.lr_decay
            self._note(epoch + 1)
        self._set(self.best_params)

    @checked
    def check_accuracy(self, x: Any, y: Any, batch_size: Size = 100) -> float:
        """Give the share of examples that the model reads rightly."""
        scores = [self._scores(batch) for (batch,) in minibatches(x, size=batch_size)]
        return accuracy(np.concatenate(scores), y)

    def _step(self, x: Any, y: Any) -> None:
        if isinstance(self.model, Module):
            loss = cast("Any", self.model).loss(x, y)
            loss.backward()
            value = loss.item()
        else:
            value, gradients = self.model.loss(x, y)
            for name, p in self._tensors.items():
                p.grad = Tensor(np.asarray(gradients[name], p.dtype))
        self.loss_history.append(float(value))
        self.optimizer.step()
        self.optimizer.zero_grad()
        if not isinstance(self.model, Module):
            self._set({k: p.numpy() for k, p in self._tensors.items()})

    def _scores(self, x: Any) -> Any:
        if not isinstance(self.model, Module):
            return self.model.loss(x)
        self.model.eval()
        scores = np.array(bare(self.model(x)))
        self.model.train()
        return scores

    def _note(self, epoch: int) -> None:
        seen = (self.data["X_train"][:1000], self.data["y_train"][:1000])
        self.train_acc_history.append(self.check_accuracy(*seen))
        self.val_acc_history.append(self.check_accuracy(self.data["X_val"], self.data["y_val"]))
        if self.val_acc_history[-1] > self.best_val_acc:
            self.best_val_acc, self.best_params = self.val_acc_history[-1], self._params()
        if self.verbose:
            told = f"train acc: {self.train_acc_history[-1]:f}; "
            told += f"val_acc: {self.val_acc_history[-1]:f}"
            print(f"(Epoch {epoch} / {self.num_epochs}) {told}")

    def _params(self) -> dict[str, Any]:
        model = self.model
        held = model.state_dict() if isinstance(model, Module) else model.params
        return {k: np.array(v) for k, v in held.items()}

    def _set(self, params: Mapping[str, Any]) -> None:
        if isinstance(self.model, Module):
            self.model.load_state_dict(params)
        else:
            for name, value in params.items():
                self.model.params[name] = np.array(value)


def _renamed(config: Mapping[str, float] | None) -> dict[str, Any]:
    """Give the options by the names of `autonn.optim`."""
    given = dict(config or {})
    betas = {k: given.pop(k) for k in ("beta1", "beta2") if k in given}
    found: dict[str, Any] = {NAMES.get(k, k): v for k, v in given.items()}
    if betas:
        found["betas"] = (betas.get("beta1", 0.9), betas.get("beta2", 0.999))
    return found
