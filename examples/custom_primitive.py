"""A primitive of your own: the Bessel function J₀, which NumPy does not have, and a drum.

You will see its derivatives agree with numerical ones to second order, and the drum's radius found
from noisy measurements of how its skin stands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn import Tensor, defvjp, gradcheck, optim, primitive

# Bessel's integral, J_n(x) = 1/π ∫₀^π cos(n θ - x sin θ) dθ. The midpoint rule is exact to rounding
# here, since what is integrated is smooth and periodic.
THETA = (np.arange(64) + 0.5) * np.pi / 64
FIRST_ZERO = 2.404825557695773  # of J₀: where the skin is held


@primitive
def bessel(x: Any, *, n: int = 0) -> Any:
    """J_n(x), for |x| up to about 60."""
    return np.cos(n * THETA - x[..., None] * np.sin(THETA)).mean(axis=-1)


# J_n′ = (J_{n-1} - J_{n+1}) / 2: the rule uses the primitive itself, so it has a derivative, too.
bessel = defvjp(bessel, x=lambda g, x, n: g * (bessel(x, n=n - 1) - bessel(x, n=n + 1)) / 2)


def skin(r: Any, height: Any, radius: Any) -> Any:
    """How high a drum's skin stands at a distance r from its centre, in its lowest tone."""
    return height * bessel(FIRST_ZERO * r / radius, n=0)


def main() -> tuple[Any, float, float, float]:
    """Check it, then fit; give it, its derivatives' worst error, and the height and the radius."""
    points = np.linspace(0.1, 12, 8)
    report = gradcheck(bessel, points, order=2)
    print(report)
    print(f"J₀(2.4048…) = {bessel(np.array(FIRST_ZERO)):.1e}, its first zero")

    rng = np.random.default_rng(0)
    r = rng.uniform(0, 0.3, 200)
    seen = skin(r, 0.004, 0.31) + rng.normal(0, 1e-4, 200)  # metres
    height, radius = Tensor(1.0, True, "height"), Tensor(0.4, True, "radius")
    optimizer = optim.Adam([height, radius], lr=0.05)
    for step in range(401):
        optimizer.zero_grad()
        misfit = np.mean((skin(r, height, radius) - 1000 * seen) ** 2)  # mm²
        misfit.backward()
        if step % 80 == 0:
            told = f"height {height.item():.3f} mm   radius {1000 * radius.item():.1f} mm"
            print(f"step {step:3d}   misfit {misfit.item():9.5f} mm²   {told}")
        optimizer.step()
    print("it was:                               height 4.000 mm   radius 310.0 mm")
    return bessel, report.worst, height.item(), radius.item()


if __name__ == "__main__":
    main()
