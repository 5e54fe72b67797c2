"""Rules that are products: g times other factors, over others.

Where an argument was broadcast, its cotangent is the sum of such a product. What has the argument's
own shape comes out of the sum, and the rest is summed as it is multiplied: no array of the output's
size is made to be added up.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Product:
    """A signed quotient of products of names."""

    above: tuple[str, ...]
    below: tuple[str, ...] = ()
    sign: str = ""

    def __neg__(self) -> Product:
        return Product(self.above, self.below, "" if self.sign else "-")

    def __mul__(self, other: Product) -> Product:
        negative = self.sign != other.sign
        return Product(self.above + other.above, self.below + other.below, "-" * negative)

    def __truediv__(self, other: Product) -> Product:
        return self * Product(other.below, other.above, other.sign)


def product_of(rule: Callable[..., Any]) -> Product | None:
    """Run a rule on names: the product that it is, or None if it is anything else.

    Examples
    --------
    >>> product_of(lambda g, b, y: -g * y / b)
    Product(above=('g', 'y'), below=('b',), sign='-')
    >>> product_of(lambda g, x: g / (1 + x))
    """
    try:
        y = rule(*(Product((name,)) for name in inspect.signature(rule).parameters))
    except Exception:  # whatever it does with names, it is no product of them
        return None
    return y if isinstance(y, Product) else None


def summed(rule: Callable[..., Any], x: str) -> str | None:
    """Write x's rule as a sum over the axes along which x was broadcast, if it is a product.

    Examples
    --------
    >>> summed(lambda g, b, y: -g * y / b, "b")
    '-_sum_product(_from_b.shape, g, y) / b'
    >>> summed(lambda g: -g, "b")
    '-_sum_product(_from_b.shape, g)'
    """
    product = product_of(rule)
    if product is None or product.above.count("g") != 1 or {*product.below} - {x}:
        return None
    others = [name for name in product.above if name not in ("g", x)]
    if len(others) > 1 or product == Product(("g",)):  # which the walk sums
        return None
    own = f" * {x}" * product.above.count(x) + f" / {x}" * len(product.below)
    factors = ", ".join(["g", *others])
    return f"{product.sign}_sum_product(_from_{x}.shape, {factors}){own}"
