"""Learning rates that are functions of t, the number of steps; it is 0 before the first."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from math import cos, pi

from autonn.arguments import Count, NotNegative, Probability, Size, check, checked, shown
from autonn.optim.base import Optimizer
from autonn.optim.schedule import Schedule


class ConstantLR(Schedule):
    """lr = lr₀."""

    def rate(self, base: float, t: int) -> float:
        """lr₀."""
        return base


class StepLR(Schedule):
    """lr = lr₀ γ^⌊t / step_size⌋.

    Parameters
    ----------
    optimizer
        Whose groups are changed.
    step_size
        After how many steps lr falls.
    gamma
        γ.
    """

    @checked
    def __init__(self, optimizer: Optimizer, step_size: Size, gamma: Probability = 0.1) -> None:
        self.step_size, self.gamma = int(step_size), float(gamma)
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """lr₀ γ^⌊t / step_size⌋."""
        return base * self.gamma ** (t // self.step_size)


class MultiStepLR(Schedule):
    """lr = lr₀ γ^(how many milestones t has reached).

    Parameters
    ----------
    optimizer
        Whose groups are changed.
    milestones
        The t at which lr falls.
    gamma
        γ.
    """

    @checked
    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: Probability = 0.1
    ) -> None:
        try:
            self.milestones, self.gamma = list(milestones), float(gamma)
        except TypeError:
            told = f"milestones={shown(milestones)}; want whole numbers, as in [30, 60]"
            raise TypeError(f"MultiStepLR: {told}") from None
        for milestone in self.milestones:
            check("MultiStepLR", "milestones", milestone, Count)
        self.milestones.sort()
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """lr₀ γ^(how many milestones t has reached)."""
        return base * self.gamma ** bisect_right(self.milestones, t)


class ExponentialLR(Schedule):
    """lr = lr₀ γ^(t / stage_length).

    Parameters
    ----------
    optimizer
        Whose groups are changed.
    gamma
        γ, by which lr falls in a stage.
    stage_length
        How many steps a stage has: 1, as in PyTorch.
    staircase
        Whether lr falls at the end of a stage only: lr₀ γ^⌊t / stage_length⌋.

    Examples
    --------
    >>> from autonn import Tensor
    >>> from autonn.optim import SGD
    >>> optimizer = SGD([Tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = ExponentialLR(optimizer, 0.25, stage_length=2)
    >>> schedule.step()
    >>> schedule.rates
    [0.5]
    """

    @checked
    def __init__(
        self,
        optimizer: Optimizer,
        gamma: Probability,
        stage_length: Size = 1,
        staircase: bool = False,
    ) -> None:
        self.gamma, self.stage_length = float(gamma), int(stage_length)
        self.staircase = staircase
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """lr₀ γ^(t / stage_length)."""
        stages = t // self.stage_length if self.staircase else t / self.stage_length
        return base * self.gamma**stages


class CosineLR(Schedule):
    """lr = min_lr + (lr₀ - min_lr) (1 + cos π u) / 2, u = (t - warmup) / (steps - warmup).

    Before, lr rises: lr = lr₀ (t + 1) / (warmup + 1). After `steps`, it stays at min_lr.

    Parameters
    ----------
    optimizer
        Whose groups are changed.
    steps
        When lr reaches min_lr.
    warmup
        How many of these steps lr rises for.
    min_lr
        Where it ends.

    Notes
    -----
    Loshchilov and Hutter 2016, arXiv:1608.03983, eq. 5, without restarts; the warm-up: Goyal et al.
    2017, arXiv:1706.02677, section 2.2.

    Examples
    --------
    >>> from autonn import Tensor
    >>> from autonn.optim import SGD
    >>> schedule = CosineLR(SGD([Tensor([1.0], requires_grad=True)], lr=1.0), steps=5, warmup=1)
    >>> for _ in range(6):
    ...     print(round(schedule.rates[0], 3), end=" ")
    ...     schedule.step()
    0.5 1.0 0.854 0.5 0.146 0.0
    """

    @checked
    def __init__(
        self, optimizer: Optimizer, steps: Size, warmup: Count = 0, min_lr: NotNegative = 0.0
    ) -> None:
        if steps <= warmup:
            raise ValueError(f"CosineLR: steps={steps}; want more than warmup={warmup}")
        self.steps, self.warmup, self.min_lr = int(steps), int(warmup), float(min_lr)
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """Rise for `warmup` steps, then follow half a cosine."""
        if t < self.warmup:
            return base * (t + 1) / (self.warmup + 1)
        u = min(1.0, (t - self.warmup) / (self.steps - self.warmup))
        return self.min_lr + (base - self.min_lr) * (1 + cos(pi * u)) / 2


class NoamLR(Schedule):
    """lr = lr₀ d^-½ min(n^-½, n warmup^-3/2), with n = t + 1.

    It rises for `warmup` steps and falls as 1/√n; n counts from 1, since 0 has no n^-½. lr₀ scales
    it: 1 is the paper's.

    Parameters
    ----------
    optimizer
        Whose groups are changed.
    d_model
        d, the width of the Transformer.
    warmup
        How many steps lr rises for.

    Notes
    -----
    Vaswani et al. 2017, arXiv:1706.03762, eq. 3.

    Examples
    --------
    >>> from autonn import Tensor
    >>> from autonn.optim import Adam
    >>> optimizer = Adam([Tensor([1.0], requires_grad=True)], lr=1.0, betas=(0.9, 0.98), eps=1e-9)
    >>> NoamLR(optimizer, d_model=64, warmup=4).rates
    [0.015625]
    """

    @checked
    def __init__(self, optimizer: Optimizer, d_model: Size = 512, warmup: Size = 4000) -> None:
        self.d_model, self.warmup = int(d_model), int(warmup)
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """lr₀ d^-½ min(n^-½, n warmup^-3/2)."""
        n = t + 1
        return base * self.d_model**-0.5 * min(n**-0.5, n * self.warmup**-1.5)
