"""Networks by hand: the larger half of `numpy_hand`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.step import Step
from benchmarks.workloads import Array, Data

Arrays = dict[str, Any]


def trained(gradients: Callable[[Arrays, Arrays], tuple[Any, Arrays]], data: Data) -> Step:
    """Make a step of a function that gives a loss and gradients, and descend."""
    p = {k: v.copy() for k, v in data.leaves.items()}
    rate, kept = np.float32(data.constants["lr"]), {"loss": np.float32(0)}

    def run() -> None:
        kept["loss"], found = gradients(p, data.constants)
        for name, g in found.items():
            g *= rate
            p[name] -= g

    return Step(run, lambda: {**kept, **p})


# ----- Dense networks -----


def small_network(data: Data) -> Step:
    """W2."""
    return trained(_small_network, data)


def _small_network(p: Arrays, c: Arrays) -> tuple[Any, Arrays]:
    last, hs, found = len(p) // 2 - 1, [c["x"]], {}
    for i in range(last):
        z = hs[-1] @ p[f"w{i}"]
        z += p[f"b{i}"]
        hs.append(np.tanh(z, out=z))
    d = hs[-1] @ p[f"w{last}"]
    d += p[f"b{last}"]
    d -= c["t"]
    loss = np.vdot(d, d) / d.size
    d *= 2 / d.size
    for i in range(last, -1, -1):
        h = hs[i]
        found[f"w{i}"], found[f"b{i}"] = h.T @ d, np.add.reduce(d, 0)
        if i:
            d = d @ p[f"w{i}"].T
            h *= h
            d *= np.subtract(1, h, out=h)
    return loss, found


def network(data: Data) -> Step:
    """W3."""
    return trained(_network, data)


def _network(p: Arrays, c: Arrays) -> tuple[Any, Arrays]:
    loss, found, _ = _dense(c["x"], c["labels"], p, range(len(p) // 2))
    return loss, found


def _dense(x: Array, labels: Array, p: Arrays, layers: range) -> tuple[Any, Arrays, Array]:
    """Linear layers with relu between, and cross-entropy; gives ∂loss/∂x, too."""
    hs, found = [x], {}
    for i in layers:
        z = hs[-1] @ p[f"w{i}"].T
        z += p[f"b{i}"]
        hs.append(np.maximum(z, 0, out=z) if i != layers[-1] else z)
    loss, d = _cross_entropy(hs.pop(), labels)
    for h, i in zip(hs[::-1], layers[::-1]):  # noqa: B905
        found[f"w{i}"], found[f"b{i}"] = d.T @ h, d.sum(axis=0)
        if i:
            d = d @ p[f"w{i}"]
            if i != layers[0]:
                d *= h > 0
    return loss, found, d


def _cross_entropy(z: Array, labels: Array) -> tuple[Any, Array]:
    """Give -mean log softmax(z)[label], and its gradient in the room of z."""
    rows = np.arange(len(z))
    z -= z.max(axis=1, keepdims=True)
    picked = z[rows, labels].mean()
    np.exp(z, out=z)
    total = z.sum(axis=1, keepdims=True)
    z /= total
    z[rows, labels] -= 1
    z /= len(z)
    return np.log(total).mean() - picked, z


# ----- Convolutions -----


def unfold(x: Array, k: int) -> Array:
    """Im2col: (N, C, H, W) to (N, C k k, H' W')."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))
    n, c, h, w = windows.shape[:4]
    return windows.transpose(0, 1, 4, 5, 2, 3).reshape(n, c * k * k, h * w)


def fold(cols: Array, shape: tuple[int, ...], k: int) -> Array:
    """Add up what `unfold` took: col2im."""
    x = np.zeros(shape, cols.dtype)
    n, c, h, w = shape[0], shape[1], shape[2] - k + 1, shape[3] - k + 1
    cols = cols.reshape(n, c, k, k, h, w)
    for i in range(k):
        for j in range(k):
            x[:, :, i : i + h, j : j + w] += cols[:, :, i, j]
    return x


def conv_forward(x: Array, w: Array) -> tuple[Array, Array]:
    """Give the output and the columns."""
    k, cols = w.shape[-1], unfold(x, w.shape[-1])
    y = w.reshape(len(w), -1) @ cols
    return y.reshape(len(x), len(w), x.shape[2] - k + 1, x.shape[3] - k + 1), cols


def conv_backward(
    g: Array, w: Array, cols: Array, shape: tuple[int, ...] | None
) -> tuple[Array, Array | None]:
    """Give ∂/∂w and, for an x of this shape, ∂/∂x."""
    g = g.reshape(*g.shape[:2], -1)
    dw = (g @ cols.swapaxes(1, 2)).sum(axis=0).reshape(w.shape)
    if shape is None:
        return dw, None
    return dw, fold(w.reshape(len(w), -1).T @ g, shape, w.shape[-1])


def convolution(x: Array, w: Array, g: Array) -> Arrays:
    """W4b."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    y, cols = conv_forward(padded, w)
    dw, dx = conv_backward(g, w, cols, padded.shape)
    assert dx is not None
    return {"y": y, "x": dx[:, :, 1:-1, 1:-1], "w": dw}


def _block_forward(x: Array, w: Array, b: Array) -> tuple[Array, Any]:
    """Convolution, relu, and the largest of 2 x 2 elements."""
    z, cols = conv_forward(x, w)
    z += b.reshape(-1, 1, 1)
    n, c, h, v = z.shape
    np.maximum(z, 0, out=z)
    squares = z.reshape(n, c, h // 2, 2, v // 2, 2)
    y = squares.max(axis=(3, 5))
    return y, (squares, cols, x.shape)


def _block_backward(g: Array, y: Array, w: Array, kept: Any, inner: bool) -> tuple[Any, ...]:
    squares, cols, shape = kept
    g = g * (y > 0)
    d = (squares == y[:, :, :, None, :, None]) * g[:, :, :, None, :, None]
    d = d.reshape(*d.shape[:2], d.shape[2] * 2, -1)
    return (*conv_backward(d, w, cols, shape if inner else None), d.sum(axis=(0, 2, 3)))


def lenet(data: Data) -> Step:
    """W4."""
    return trained(_lenet, data)


def _lenet(p: Arrays, c: Arrays) -> tuple[Any, Arrays]:
    y0, kept0 = _block_forward(c["x"], p["w0"], p["b0"])
    y1, kept1 = _block_forward(y0, p["w1"], p["b1"])
    loss, found, d = _dense(y1.reshape(len(y1), -1), c["labels"], p, range(2, 4))
    found["w1"], d, found["b1"] = _block_backward(d.reshape(y1.shape), y1, p["w1"], kept1, True)
    found["w0"], _, found["b0"] = _block_backward(d, y0, p["w0"], kept0, False)
    return loss, found


# ----- LSTM -----


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)), in the room of z."""
    np.negative(z, out=z)
    np.exp(z, out=z)
    z += 1
    return np.reciprocal(z, out=z)


def lstm(
    x: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array, zeros: Array, g: Array
) -> Arrays:
    """W7: one product for all inputs, one for all gates of a time step."""
    steps, batch, _ = x.shape
    n = w_hh.shape[1]
    gates = (x.reshape(steps * batch, -1) @ w_ih.T).reshape(steps, batch, 4 * n)
    gates += b_ih + b_hh
    cells = np.empty((steps + 1, batch, n), x.dtype)
    hs, tanhs = np.empty_like(cells), np.empty_like(cells[1:])
    cells[0] = hs[0] = zeros
    for t in range(steps):
        z = gates[t]
        z += hs[t] @ w_hh.T
        sigmoid(z[:, : 2 * n])
        np.tanh(z[:, 2 * n : 3 * n], out=z[:, 2 * n : 3 * n])
        sigmoid(z[:, 3 * n :])
        i, f, c, o = (z[:, j * n : (j + 1) * n] for j in range(4))
        np.multiply(f, cells[t], out=cells[t + 1])
        cells[t + 1] += i * c
        np.tanh(cells[t + 1], out=tanhs[t])
        np.multiply(o, tanhs[t], out=hs[t + 1])
    return {"y": hs[1:], **_lstm_backward(x, w_ih, w_hh, gates, cells, hs, tanhs, g)}


def _lstm_backward(
    x: Array,
    w_ih: Array,
    w_hh: Array,
    gates: Array,
    cells: Array,
    hs: Array,
    tanhs: Array,
    g: Array,
) -> Arrays:
    steps, batch, n = g.shape
    dz = np.empty_like(gates)
    dc, carried = np.zeros_like(g[0]), np.zeros_like(g[0])
    for t in reversed(range(steps)):
        i, f, c, o = (gates[t][:, j * n : (j + 1) * n] for j in range(4))
        dh, tanh = g[t] + carried, tanhs[t]
        dz[t][:, 3 * n :] = dh * tanh * o * (1 - o)
        dc += dh * o * (1 - tanh * tanh)
        dz[t][:, :n] = dc * c * i * (1 - i)
        dz[t][:, n : 2 * n] = dc * cells[t] * f * (1 - f)
        dz[t][:, 2 * n : 3 * n] = dc * i * (1 - c * c)
        dc *= f
        carried = dz[t] @ w_hh
    d = dz.reshape(steps * batch, -1)
    db = d.sum(axis=0)
    found = {"w_ih": d.T @ x.reshape(steps * batch, -1), "b_ih": db, "b_hh": db}
    found["w_hh"] = d.T @ hs[:-1].reshape(steps * batch, n)
    return {**found, "x": (d @ w_ih).reshape(x.shape)}
