"""Write optim.npz: what PyTorch's optimisers and schedules do, step by step. Needs torch==2.13.0."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from optim_cases import CASES, METRICS, SCHEDULES, START, STEPS, gradients, groups

GOLDENS = Path(__file__).with_name("optim.npz")


def trajectory(name: str) -> np.ndarray:
    """Give the parameters, flat, after each step, in float64."""
    kind, options, other = CASES[name]
    ps = {k: torch.tensor(v, requires_grad=True) for k, v in START.items()}
    optimizer = getattr(torch.optim, kind)(groups(ps, other), **options)
    found = []
    for _ in range(STEPS):
        for k, g in gradients(**{k: p.detach().numpy() for k, p in ps.items()}).items():
            ps[k].grad = torch.tensor(g)
        optimizer.step()
        found.append(np.concatenate([p.detach().numpy().ravel() for p in ps.values()]))
    return np.array(found)


def rates(name: str) -> np.ndarray:
    """Give the rates of two groups, before the first step and after each."""
    pair = [torch.tensor([1.0], requires_grad=True) for _ in range(2)]
    o = torch.optim.SGD([{"params": pair[:1]}, {"params": pair[1:], "lr": 0.03}], lr=0.1)
    schedule = eval(SCHEDULES[name][2], vars(torch.optim.lr_scheduler) | {"o": o})
    found = [[group["lr"] for group in o.param_groups]]
    for metric in METRICS:
        o.step()
        schedule.step(*([metric] if name.startswith("metric") else []))
        found.append([group["lr"] for group in o.param_groups])
    return np.array(found)


def main() -> None:
    """Run every case of the tables."""
    warnings.simplefilter("ignore")  # SequentialLR's own
    found = {name: trajectory(name) for name in CASES}
    found |= {f"schedule {name}": rates(name) for name in SCHEDULES}
    np.savez_compressed(GOLDENS, **found)
    print(f"{len(found)} arrays, torch {torch.__version__}, {GOLDENS.stat().st_size} bytes")


if __name__ == "__main__":
    main()
