"""Attention and the Transformer's encoder layer, derived by hand.

All attention is one derivation. Of scores s the weights are A = softmax(s) over the keys, 0 where a
mask forbids, and y = D v with D = dropout(A). Let g be the cotangent of y, and g_A that of A, which
is an output, too:

- ∂L/∂v = Dᵀ g, and D gets g vᵀ,
- A gets h = g_A + what dropout lets through of g vᵀ,
- ∂L/∂s = A (h - Σ A h), the sum over the keys: the softmax's derivative. Where A = 0 it is 0, so
  masks need no word here, and a query that may attend to nothing gives nothing.

What remains is how the scores come of q and k. Vaswani et al. 2017, arXiv:1706.03762, section 3.2;
for the way back Dao et al. 2022, arXiv:2205.14135, appendix B.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autonn.oracle.activations import GELU, ReLU
from autonn.oracle.base import Bound, Gradients, given
from autonn.oracle.linear import Linear, Sequential, rows, summed_to

# ----- Attention: from the scores on -----


def masked(scores: Any, mask: Any, key_mask: Any, causal: bool) -> Any:
    """Give the scores with numbers of the mask added, and -inf where attention is forbidden."""
    may: Any = True
    if mask is not None:
        mask = np.asarray(mask)
        if mask.dtype.kind == "b":
            may = mask
        else:
            scores = scores + mask.astype(scores.dtype)
    if key_mask is not None:
        may = may & np.reshape(key_mask, (len(key_mask), *[1] * (scores.ndim - 2), -1))
    if causal:
        may = may & np.tri(*scores.shape[-2:]).astype(bool)
    return scores if may is True else np.where(may, scores, -np.inf)


def attended(scores: Any, v: Any, dropout: Bound) -> tuple[Any, Any]:
    """Give y = dropout(A) v and A, the softmax of the scores; 0 where all scores are -inf."""
    top = scores.max(-1, keepdims=True)
    weights = scores - np.where(top == -np.inf, 0, top)
    np.exp(weights, out=weights)
    total = weights.sum(-1, keepdims=True)
    weights /= np.where(total == 0, 1, total)
    used, dropped = dropout.forward(weights)
    return (used @ v, weights), (weights, used, dropped, dropout, v)


def fitted(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which an array of this shape was repeated, if there are any."""
    return g if g.shape == shape else summed_to(g, shape)


def of_weights(g: Any, cache: Any) -> tuple[Any, Any]:
    """Give h, all that A is given, and Σ A h."""
    of_y, of_a = g
    weights, _, dropped, dropout, v = cache
    of_used = fitted(of_y @ v.mT, weights.shape)
    h = dropout.backward(of_used, dropped)["x"] + of_a
    return h, np.vecdot(weights, h)[..., None]


def attended_back(g: Any, cache: Any) -> tuple[Any, Any]:
    """Give ∂L/∂scores = A (h - Σ A h), and ∂L/∂v."""
    weights, used, _, _, v = cache
    h, total = of_weights(g, cache)
    h -= total
    h *= weights
    return h, fitted(used.mT @ g[0], v.shape)


class Attention:
    """What attention layers share: all but the way from q and k to the scores, and back."""

    @staticmethod
    def scores(q: Any, k: Any, p: Mapping[str, Any], scale: bool) -> tuple[Any, Any]:
        """Give the scores (..., T, S), and a cache."""
        raise NotImplementedError

    @staticmethod
    def of_scores(g: Any, cache: Any) -> Gradients:
        """∂L/∂q, ∂L/∂k and of the parameters, of the scores' cotangent."""
        raise NotImplementedError

    @classmethod
    def forward(
        cls,
        q: Any,
        k: Any,
        v: Any,
        mask: Any = None,
        key_mask: Any = None,
        causal: bool = False,
        *,
        p: Mapping[str, Any],
        children: Mapping[str, Bound],
        scale: bool = True,
    ) -> tuple[Any, Any]:
        """Q (..., T, d), k (..., S, d), v (..., S, dim); y (..., T, dim), weights (..., T, S)."""
        scores, scored = cls.scores(q, k, p, scale)
        y, inner = attended(masked(scores, mask, key_mask, causal), v, children["dropout"])
        return y, (scored, inner)

    @classmethod
    def backward(cls, g: Any, cache: Any) -> Gradients:
        """∂L/∂q, ∂L/∂k, ∂L/∂v and of the parameters."""
        scored, inner = cache
        of_scores, of_v = attended_back(g, inner)
        return cls.of_scores(of_scores, scored) | {"v": of_v}

    @classmethod
    def terms(cls, g: Any, cache: Any) -> dict[str, dict[str, Any]]:
        """∂L/∂q, ∂L/∂k and of the parameters, in parts that add up: those of the softmax."""
        scored, inner = cache
        h, total = of_weights(g, inner)
        direct = cls.of_scores(inner[0] * h, scored)
        through = cls.of_scores(-inner[0] * total, scored)
        return {k: {"direct": direct[k], "through the sum": through[k]} for k in direct}


# ----- Attention: the scores -----


class DotProductAttention(Attention):
    """y = dropout(softmax(q kᵀ / √d)) v, and the softmax; without `scale` nothing is divided.

    With G = ∂L/∂s: ∂L/∂q = G k / √d and ∂L/∂k = Gᵀ q / √d. Vaswani et al. 2017, arXiv:1706.03762,
    eq. 1; without √d Luong et al. 2015, arXiv:1508.04025, eq. 8, "dot".
    """

    @staticmethod
    def scores(q: Any, k: Any, p: Mapping[str, Any], scale: bool) -> tuple[Any, Any]:
        """Q kᵀ / √d."""
        factor = q.shape[-1] ** -0.5 if scale else 1.0
        return factor * q @ k.mT, (q, k, factor)

    @staticmethod
    def of_scores(g: Any, cache: Any) -> Gradients:
        """∂L/∂q and ∂L/∂k."""
        q, k, factor = cache
        of_q, of_k = fitted(g @ k, q.shape), fitted(g.mT @ q, k.shape)
        return given(q=factor * of_q, k=factor * of_k)


class GeneralAttention(Attention):
    """y = dropout(softmax(q W kᵀ)) v, and the softmax.

    With G = ∂L/∂s: ∂L/∂q = G k Wᵀ, ∂L/∂k = Gᵀ q W, and ∂L/∂W = qᵀ G k, summed over the batch. Luong
    et al. 2015, arXiv:1508.04025, eqs. 7 and 8.
    """

    @staticmethod
    def scores(q: Any, k: Any, p: Mapping[str, Any], scale: bool) -> tuple[Any, Any]:
        """Q W kᵀ, W (query_dim, key_dim)."""
        projected, linear = Linear.forward(q, p["weight"].T)
        return projected @ k.mT, (projected, k, linear)

    @staticmethod
    def of_scores(g: Any, cache: Any) -> Gradients:
        """∂L/∂q, ∂L/∂k and ∂L/∂weight."""
        projected, k, linear = cache
        found = Linear.backward(fitted(g @ k, projected.shape), linear)
        of_k = fitted(g.mT @ projected, k.shape)
        return given(q=found["x"], k=of_k, weight=found["weight"].T)


class ConcatAttention(Attention):
    """y = dropout(softmax(u · tanh(W [q; k]))) v, and the softmax.

    z = W [q; k] = W_q q + W_k k, t = tanh(z), s = u · t. With G = ∂L/∂s: ∂L/∂u = Σ G t, and z gets
    G u (1 - t²): W_q q gets the sum of this over the keys, W_k k the sum over the queries. From
    there it is as in `Linear`. Bahdanau et al. 2014, arXiv:1409.0473, appendix A.1.2; Luong et al.
    2015, arXiv:1508.04025, eq. 8, "concat".
    """

    @staticmethod
    def scores(q: Any, k: Any, p: Mapping[str, Any], scale: bool) -> tuple[Any, Any]:
        """U · tanh(W [q; k]), W (h, query_dim + key_dim), u (h,)."""
        n = q.shape[-1]
        of_q, linear_q = Linear.forward(q, p["weight"][:, :n])
        of_k, linear_k = Linear.forward(k, p["weight"][:, n:])
        t = np.tanh(of_q[..., :, None, :] + of_k[..., None, :, :])  # (..., T, S, h)
        return t @ p["u"], (of_q.shape, linear_q, of_k.shape, linear_k, t, p["u"])

    @staticmethod
    def of_scores(g: Any, cache: Any) -> Gradients:
        """∂L/∂q, ∂L/∂k, ∂L/∂weight and ∂L/∂u."""
        q_shape, linear_q, k_shape, linear_k, t, u = cache
        of_z = (1 + t) * (1 - t)
        of_z *= g[..., None]
        of_z *= u
        of_q = Linear.backward(fitted(of_z.sum(-2), q_shape), linear_q)
        of_k = Linear.backward(fitted(of_z.sum(-3), k_shape), linear_k)
        of_weight = np.concatenate([of_q["weight"], of_k["weight"]], 1)
        of_u = g.reshape(-1) @ t.reshape(-1, len(u))
        return given(q=of_q["x"], k=of_k["x"], weight=of_weight, u=of_u)


# ----- Layers that hold attention -----


ROLES = {"q": "as the query", "k": "as the key", "v": "as the value"}


def cut(x: Any, heads: int, batch_first: bool) -> Any:
    """Cut (N, T, dim), or (T, N, dim), into (N, heads, T, dim / heads)."""
    x = x.reshape(*x.shape[:2], heads, x.shape[2] // heads)
    return x.transpose(0, 2, 1, 3) if batch_first else x.transpose(1, 2, 0, 3)


def joined(x: Any, batch_first: bool) -> Any:
    """Undo `cut`, and give the rows."""
    x = x.transpose(0, 2, 1, 3) if batch_first else x.transpose(2, 0, 1, 3)
    return x.reshape(-1, x.shape[2] * x.shape[3])


class MultiHeadAttention:
    """y = [head₁; ...; head_h] Wᴼ + bᴼ, each head the attention of q, k and v projected.

    The heads are one more axis of the batch, so the way back is that of `DotProductAttention`
    between linear maps: Wᴼ behind, and W_q, W_k and W_v in front, whose gradients stand one below
    the other, as the weights do. Where one array serves as query, key and value it gets the sum of
    three gradients. Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2.
    """

    @staticmethod
    def forward(
        q: Any,
        k: Any = None,
        v: Any = None,
        mask: Any = None,
        key_mask: Any = None,
        causal: bool = False,
        *,
        in_proj_weight: Any,
        in_proj_bias: Any = None,
        children: Mapping[str, Bound],
        num_heads: int,
        batch_first: bool = False,
    ) -> tuple[Any, Any]:
        """Q and y (T, N, dim), k and v (S, N, dim), or batch first; weights (N, heads, T, S)."""
        of_k = "q" if k is None else "k"
        owners = "q", of_k, of_k if v is None else "v"
        k = q if k is None else k
        inputs = q, k, k if v is None else v
        weights = np.split(in_proj_weight, 3)
        biases = [None] * 3 if in_proj_bias is None else np.split(in_proj_bias, 3)
        heads, linears = [], []
        for x, weight, bias in zip(inputs, weights, biases, strict=True):
            projected, linear = Linear.forward(rows(x), weight, bias)
            heads.append(cut(projected.reshape(x.shape), num_heads, batch_first))
            linears.append((x.shape, linear))
        if mask is not None and np.ndim(mask) == 3:
            mask = np.asarray(mask)[:, None]
        qkv: dict[str, Any] = dict(zip("qkv", heads, strict=True))
        (each, shares), inner = DotProductAttention.forward(
            **qkv, mask=mask, key_mask=key_mask, causal=causal, p={}, children=children
        )
        y, outer = children["out_proj"].forward(joined(each, batch_first))
        cache = owners, linears, inner, children["out_proj"], outer, num_heads, batch_first
        return (y.reshape(q.shape), shares), cache

    @staticmethod
    def parts(g: Any, cache: Any) -> tuple[dict[str, dict[str, Any]], Gradients]:
        """∂L/∂q, ∂L/∂k and ∂L/∂v by the role that each plays, and those of the parameters."""
        owners, linears, inner, out_proj, outer, heads, batch_first = cache
        of_out = out_proj.backward(rows(g[0]), outer)
        of_each = cut(of_out.pop("x").reshape(g[0].shape), heads, batch_first)
        of_heads = DotProductAttention.backward((of_each, g[1]), inner)
        roles: dict[str, dict[str, Any]] = {owner: {} for owner in owners}
        of_linears = []
        for owner, (name, role), (shape, linear) in zip(
            owners, ROLES.items(), linears, strict=True
        ):
            found = Linear.backward(joined(of_heads[name], batch_first), linear)
            roles[owner][role] = found.pop("x").reshape(shape)
            of_linears.append(found)
        of_parameters = {f"out_proj.{name}": value for name, value in of_out.items()}
        for name in of_linears[0]:
            of_parameters[f"in_proj_{name}"] = np.concatenate([part[name] for part in of_linears])
        return roles, of_parameters

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂q, ∂L/∂k and ∂L/∂v of those that were given, and of the parameters."""
        roles, found = MultiHeadAttention.parts(g, cache)
        return found | {owner: sum(parts.values()) for owner, parts in roles.items()}

    @staticmethod
    def terms(g: Any, cache: Any) -> dict[str, dict[str, Any]]:
        """∂L/∂q, ∂L/∂k and ∂L/∂v in parts that add up."""
        return MultiHeadAttention.parts(g, cache)[0]


class TransformerEncoderLayer:
    """z = norm₁(x + attention(x)), y = norm₂(z + W₂ f(W₁ z + b₁) + b₂), or the norms in front.

    Twice the same: x goes through a chain and past it, and a norm stands behind the sum, or at the
    head of the chain. So the sum's cotangent goes to x as it is and through the chain. Vaswani et
    al. 2017, arXiv:1706.03762, section 3.1; norms in front: Xiong et al. 2020, arXiv:2002.04745.
    """

    @staticmethod
    def forward(
        x: Any,
        mask: Any = None,
        key_mask: Any = None,
        causal: bool = False,
        *,
        children: Mapping[str, Bound],
        norm_first: bool,
        f: Any,
    ) -> tuple[Any, Any]:
        """X and y (T, N, d_model), or batch first."""
        heads = children["self_attn"]

        def attention(x: Any) -> tuple[Any, Any]:
            (y, weights), cache = heads.forward(x, mask=mask, key_mask=key_mask, causal=causal)
            return y, (weights, cache)

        def attention_back(g: Any, cache: Any) -> Gradients:
            found = heads.backward((g, np.zeros_like(cache[0])), cache[1])
            of_x = found.pop("q")
            return found | {"x": of_x}

        form: Any = GELU if getattr(f, "__name__", "relu") == "gelu" else ReLU
        bounds = {
            **children,
            "self_attn": Bound(attention, attention_back),
            "f": Bound(form.forward, form.backward),
        }
        caches = []
        for norm, *chain in (
            ("norm1", "self_attn", "dropout1"),
            ("norm2", "linear1", "f", "dropout", "linear2", "dropout2"),
        ):
            behind = [] if norm_first else [norm]
            chain = [norm, *chain] if norm_first else chain
            y, through = Sequential.forward(x, {name: bounds[name] for name in chain})
            x, after = Sequential.forward(x + y, {name: bounds[name] for name in behind})
            caches.append((through, after))
        return x, caches

    @staticmethod
    def backward(g: Any, cache: Any) -> Gradients:
        """∂L/∂x, and of the parameters."""
        found: Gradients = {}
        for through, after in reversed(cache):
            found |= Sequential.backward(g, after)
            past = found.pop("x")
            found |= Sequential.backward(past, through)
            g = past + found.pop("x")
        return found | {"x": g}
