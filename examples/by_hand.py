"""A scalar graph by hand: autograd's gradient is the chain rule, written out.

You will see y = tanh(w x + b), each step's own derivative, their product, and that backward agrees.
"""

from __future__ import annotations

from autonn import Tensor


def main() -> None:
    """Compute a neuron's gradient twice: by the chain rule, and by backward()."""
    x = Tensor(2.0, requires_grad=True, name="x")
    w = Tensor(-0.5, requires_grad=True, name="w")
    b = Tensor(0.25, requires_grad=True, name="b")
    z = w * x + b
    y = z.tanh()
    y.backward()

    dy_dz = 1 - y.item() ** 2
    by_hand = {"x": dy_dz * w.item(), "w": dy_dz * x.item(), "b": dy_dz}
    print(f"z = w x + b = {z.item():+.4f}    y = tanh(z) = {y.item():+.4f}")
    print(f"dy/dz = 1 - y² = {dy_dz:.6f}\n")
    print("          by hand      backward()")
    for t in (x, w, b):
        assert t.name is not None
        assert t.grad is not None
        print(f"dy/d{t.name}  {by_hand[t.name]:+.9f}  {t.grad.item():+.9f}")

    print("\nA value that is used twice gets both contributions:")
    a = Tensor(1.0, requires_grad=True)
    c = a + a
    (c + c).backward()
    print(f"a = 1, c = a + a, d(c + c)/da = {a.grad.item() if a.grad else None}")


if __name__ == "__main__":
    main()
