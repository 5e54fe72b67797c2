"""Plain NumPy code, made differentiable as it stands: a pendulum's swing, fitted to what was seen.

You will see a simulation that knows nothing of autonn, and a pendulum's length, found from it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn import value_and_grad

STEPS, DT, G = 150, 0.02, 9.81


def swing(length: Any, angle: Any) -> Any:
    """Simulate a pendulum by semi-implicit Euler steps; give all its angles. Plain NumPy."""
    speed, angles = 0.0, []
    for _ in range(STEPS):
        speed = speed - DT * G / length * np.sin(angle)
        angle = angle + DT * speed
        angles.append(angle)
    return np.stack(angles)


def main() -> float:
    """Fit length and first angle to a noisy observation by gradient descent."""
    seen = swing(np.float64(1.7), np.float64(0.9))
    seen = seen + np.random.default_rng(0).normal(0, 0.01, STEPS)

    def misfit(p: dict[str, Any]) -> Any:
        return np.mean((swing(p["length"], p["angle"]) - seen) ** 2)

    both = value_and_grad(misfit)
    p = {"length": 1.4, "angle": 0.7}
    for step in range(51):
        value, slope = both(p)
        if step % 10 == 0:
            told = f"length {p['length']:.4f}   angle {p['angle']:.4f}"
            print(f"step {step:3d}   misfit {value:.6f}   {told}")
        p = {name: p[name] - 0.3 * slope[name] for name in p}
    print("it was:                       length 1.7000   angle 0.9000")
    return float(p["length"])


if __name__ == "__main__":
    main()
