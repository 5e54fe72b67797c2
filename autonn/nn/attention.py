"""Embeddings, attention, and the Transformer's encoder layer."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from autonn import functional as F
from autonn import init
from autonn.arguments import NotNegative, Probability, Size, checked
from autonn.init import Rng
from autonn.nn.dropout import Dropout
from autonn.nn.linear import Linear
from autonn.nn.module import Module
from autonn.nn.norms import LayerNorm
from autonn.tensors import Tensor


class DotProductAttention(Module):
    """y = dropout(softmax(q kᵀ / √d)) v, and the softmax: Vaswani 2017, arXiv:1706.03762, eq. 1.

    Parameters
    ----------
    scale
        Whether the scores are divided by √d; without, they are Luong's "dot".
    dropout
        The probability with which a weight is dropped in training.

    Examples
    --------
    >>> q, k, v = np.ones((2, 3, 4)), np.ones((2, 5, 4)), np.ones((2, 5, 6))
    >>> y, weights = DotProductAttention()(q, k, v)
    >>> y.shape, weights.shape
    ((2, 3, 6), (2, 3, 5))
    """

    @checked
    def __init__(self, scale: bool = True, dropout: Probability = 0.0) -> None:
        super().__init__()
        self.scale, self.dropout = scale, Dropout(dropout)

    def score(self, q: Any, k: Any) -> Any:
        """Say how well keys (..., S, d) suit queries (..., T, d): (..., T, S)."""
        if q.shape[-1] != k.shape[-1]:
            raise ValueError(f"queries of length {q.shape[-1]} and keys of length {k.shape[-1]}")
        return (q.shape[-1] ** -0.5 if self.scale else 1.0) * q @ k.mT

    def forward(
        self,
        q: Any,
        k: Any,
        v: Any,
        mask: Any = None,
        key_mask: Any = None,
        causal: bool = False,
    ) -> tuple[Any, Any]:
        """Q (..., T, d), k (..., S, d), v (..., S, dim); y (..., T, dim), weights (..., T, S).

        Numbers in `mask` (broadcast to the weights) are added to the scores; of booleans, True may
        be attended to. `key_mask` (N, S) is False at padding. `causal` hides what comes later.
        """
        with self.named_errors():
            if min(q.ndim, k.ndim, v.ndim) < 2:
                told = f"q, k and v have shapes {q.shape}, {k.shape} and {v.shape}"
                raise ValueError(f"{told}; want (..., T, d), (..., S, d) and (..., S, dim)")
            if k.shape[-2] != v.shape[-2]:
                raise ValueError(f"{k.shape[-2]} keys, but {v.shape[-2]} values")
            return F.attend(self.score(q, k), v, mask, key_mask, causal, self.dropout)


class GeneralAttention(DotProductAttention):
    """y = softmax(q W kᵀ) v, and the softmax: Luong et al. 2015, arXiv:1508.04025, eqs. 7 and 8.

    Parameters
    ----------
    query_dim, key_dim
        Lengths of the queries and of the keys.
    dropout
        As in `DotProductAttention`.
    rng
        Draws the initial values: Glorot's uniform.

    Attributes
    ----------
    weight
        W, (query_dim, key_dim).
    """

    @checked
    def __init__(
        self,
        query_dim: Size,
        key_dim: Size,
        dropout: Probability = 0.0,
        *,
        rng: Rng = None,
    ) -> None:
        super().__init__(False, dropout)
        rng = np.random.default_rng(rng)
        self.weight: Any = Tensor(init.xavier_uniform((query_dim, key_dim), rng), True)

    def score(self, q: Any, k: Any) -> Any:
        """Q W kᵀ."""
        if (q.shape[-1], k.shape[-1]) != self.weight.shape:
            raise ValueError(f"queries of length {q.shape[-1]} and keys of length {k.shape[-1]}")
        return q @ self.weight @ k.mT

    def describe(self) -> str:
        """Give the lengths of queries and keys."""
        return ", ".join(map(str, self.weight.shape))


class ConcatAttention(DotProductAttention):
    """y = softmax(u · tanh(W [q; k])) v, and the softmax: Luong et al. 2015, eq. 8, "concat".

    Bahdanau et al. 2014, arXiv:1409.0473, appendix A.1.2, call it additive.

    Parameters
    ----------
    query_dim, key_dim, hidden_dim
        Lengths of the queries, of the keys and of u.
    dropout, rng
        As in `GeneralAttention`.

    Attributes
    ----------
    weight
        W, (hidden_dim, query_dim + key_dim).
    u
        (hidden_dim,).
    """

    @checked
    def __init__(
        self,
        query_dim: Size,
        key_dim: Size,
        hidden_dim: Size,
        dropout: Probability = 0.0,
        *,
        rng: Rng = None,
    ) -> None:
        super().__init__(False, dropout)
        rng = np.random.default_rng(rng)
        shape = (hidden_dim, query_dim + key_dim)
        self.dims = query_dim, key_dim
        self.weight: Any = Tensor(init.xavier_uniform(shape, rng), True)
        self.u: Any = Tensor(init.xavier_uniform((1, hidden_dim), rng)[0], True)

    def score(self, q: Any, k: Any) -> Any:
        """U · tanh(W_q q + W_k k): W [q; k], the two parts of W apart."""
        if (q.shape[-1], k.shape[-1]) != self.dims:
            raise ValueError(f"queries of length {q.shape[-1]} and keys of length {k.shape[-1]}")
        n = self.dims[0]
        of_q = np.inner(q, self.weight[:, :n])  # (..., T, h)
        of_k = np.inner(k, self.weight[:, n:])  # (..., S, h)
        return np.tanh(of_q[..., :, None, :] + of_k[..., None, :, :]) @ self.u  # (..., T, S)

    def describe(self) -> str:
        """Give the lengths of queries, keys and u."""
        return ", ".join(map(str, (*self.dims, self.u.shape[0])))


class MultiHeadAttention(Module):
    """y = [head₁; ...; head_h] Wᴼ + bᴼ, each head the attention of q, k and v projected.

    Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2.

    Parameters
    ----------
    embed_dim
        Length of queries, keys, values and outputs.
    num_heads
        How many heads there are; it must divide `embed_dim`.
    dropout
        The probability with which a weight is dropped in training.
    bias
        Whether the projections have biases.
    batch_first
        Whether inputs are (N, T, embed_dim) and not (T, N, embed_dim), as in PyTorch.
    rng
        Draws the initial values: Glorot's uniform, biases 0.

    Attributes
    ----------
    in_proj_weight, in_proj_bias
        (3 embed_dim, embed_dim) and (3 embed_dim,): the projections of q, k and v.
    out_proj
        The `Linear` of Wᴼ and bᴼ.

    Examples
    --------
    >>> x = np.ones((2, 5, 8), np.float32)
    >>> y, weights = MultiHeadAttention(8, 2, batch_first=True)(x, causal=True)
    >>> y.shape, weights.shape
    ((2, 5, 8), (2, 2, 5, 5))
    """

    @checked
    def __init__(
        self,
        embed_dim: Size,
        num_heads: Size,
        dropout: Probability = 0.0,
        bias: bool = True,
        batch_first: bool = False,
        *,
        rng: Rng = None,
    ) -> None:
        super().__init__()
        if embed_dim % num_heads:
            told = f"embed_dim={embed_dim} cannot be cut into {num_heads} heads"
            raise ValueError(f"MultiHeadAttention: {told}")
        rng = np.random.default_rng(rng)
        self.embed_dim, self.num_heads, self.batch_first = embed_dim, num_heads, batch_first
        self.dropout = Dropout(dropout, rng=rng)
        self.in_proj_weight: Any = Tensor(
            init.xavier_uniform((3 * embed_dim, embed_dim), rng), True
        )
        self.in_proj_bias: Any = Tensor(init.zeros((3 * embed_dim,)), True) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, rng=rng)
        if bias:
            self.out_proj.bias.assign(0)

    def project(self, x: Any, part: int) -> Any:
        """Project x (N, T, embed_dim), and cut it into heads: (N, heads, T, embed_dim / heads)."""
        rows = slice(part * self.embed_dim, (part + 1) * self.embed_dim)
        y = np.inner(x, self.in_proj_weight[rows])
        if self.in_proj_bias is not None:
            y = y + self.in_proj_bias[rows]
        cut = (self.num_heads, self.embed_dim // self.num_heads)
        return y.reshape(*x.shape[:2], *cut).transpose(0, 2, 1, 3)

    def forward(
        self,
        q: Any,
        k: Any = None,
        v: Any = None,
        mask: Any = None,
        key_mask: Any = None,
        causal: bool = False,
    ) -> tuple[Any, Any]:
        """Q (T, N, embed_dim), k and v (S, N, embed_dim), or batch first; q itself by default.

        Gives y in q's shape, and the weights of all heads, (N, heads, T, S); PyTorch gives their
        mean over the heads. Masks as in `DotProductAttention`: `mask` is (T, S), (N, T, S) or
        (N, heads, T, S), and `key_mask` is (N, S) and False at padding, where PyTorch's is True.
        """
        k = q if k is None else k
        v = k if v is None else v
        for x in (q, k, v):
            if x.ndim != 3 or x.shape[-1] != self.embed_dim:
                order = "N, T" if self.batch_first else "T, N"
                told = f"input has shape {x.shape}, expected ({order}, {self.embed_dim})"
                raise ValueError(f"{self.label}: {told}")
        batch = 0 if self.batch_first else 1
        if len({x.shape[batch] for x in (q, k, v)}) > 1 or k.shape != v.shape:
            told = f"q, k and v have shapes {q.shape}, {k.shape}, {v.shape}"
            raise ValueError(
                f"{self.label}: {told}; want one batch size, and as many keys as values"
            )
        if mask is not None and np.ndim(mask) == 3:
            mask = mask[:, None]  # of each example, for all its heads
        parts = [x if self.batch_first else np.swapaxes(x, 0, 1) for x in (q, k, v)]
        q, k, v = (self.project(x, part) for part, x in enumerate(parts))
        with self.named_errors():
            y, weights = F.scaled_dot_product_attention(
                q, k, v, mask, key_mask, causal, dropout=self.dropout
            )
        y = y.transpose(0, 2, 1, 3).reshape(*parts[0].shape)  # (N, T, embed_dim)
        y = self.out_proj(y)
        return (y if self.batch_first else np.swapaxes(y, 0, 1)), weights

    def describe(self) -> str:
        """Give the sizes."""
        return f"{self.embed_dim}, {self.num_heads} heads"


class TransformerEncoderLayer(Module):
    """z = norm₁(x + attention(x)), y = norm₂(z + W₂ f(W₁ z + b₁) + b₂): arXiv:1706.03762, 3.1.

    Parameters
    ----------
    d_model
        Length of inputs and outputs.
    nhead
        The number of heads.
    dim_feedforward
        Length of what stands between W₁ and W₂.
    dropout
        Applied to the attention's weights, after f, and to both summands, in training.
    activation
        f, "relu" or "gelu".
    layer_norm_eps
        The norms' eps.
    batch_first
        Whether inputs are (N, T, d_model) and not (T, N, d_model), as in PyTorch.
    norm_first
        Whether each norm stands in front of its part and not behind: z = x + attention(norm₁(x)).
    rng
        Draws initial values and dropout masks.

    Examples
    --------
    >>> layer = TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> layer(np.ones((2, 5, 8), np.float32), causal=True).shape
    (2, 5, 8)
    """

    @checked
    def __init__(
        self,
        d_model: Size,
        nhead: Size,
        dim_feedforward: Size = 2048,
        dropout: Probability = 0.1,
        activation: Literal["relu", "gelu"] = "relu",
        layer_norm_eps: NotNegative = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        *,
        rng: Rng = None,
    ) -> None:
        super().__init__()
        rng = np.random.default_rng(rng)
        self.norm_first, self.f = norm_first, F.relu if activation == "relu" else F.gelu
        self.self_attn = MultiHeadAttention(d_model, nhead, dropout, True, batch_first, rng=rng)
        self.linear1 = Linear(d_model, dim_feedforward, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.linear2 = Linear(dim_feedforward, d_model, rng=rng)
        self.norm1 = LayerNorm(d_model, layer_norm_eps)
        self.norm2 = LayerNorm(d_model, layer_norm_eps)
        self.dropout1, self.dropout2 = Dropout(dropout, rng=rng), Dropout(dropout, rng=rng)

    def feed_forward(self, x: Any) -> Any:
        """W₂ f(W₁ x + b₁) + b₂."""
        return self.dropout2(self.linear2(self.dropout(self.f(self.linear1(x)))))

    def forward(self, x: Any, mask: Any = None, key_mask: Any = None, causal: bool = False) -> Any:
        """X and y (T, N, d_model), or batch first; masks as in `MultiHeadAttention`."""

        def attention(x: Any) -> Any:
            y, _ = self.self_attn(x, mask=mask, key_mask=key_mask, causal=causal)
            return self.dropout1(y)

        if self.norm_first:
            x = x + attention(self.norm1(x))
            return x + self.feed_forward(self.norm2(x))
        x = self.norm1(x + attention(x))
        return self.norm2(x + self.feed_forward(x))
