"""The peers: one module for each, in which `steps` has a function of the data for each formula.

A peer's module is imported in a worker of its own, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

THREADS = 2


@dataclass(frozen=True)
class Peer:
    """An engine, and how it runs.

    Attributes
    ----------
    name
        As in the tables and after `--peers`.
    module
        In this package.
    package
        Whose version is told.
    title
        What it is.
    threads
        For BLAS and for the engine's own kernels.
    pins
        A file with requirements for an environment of its own; "" for that of the harness.
    kernels
        Kernels of BLAS by what a processor must have, for a BLAS that knows none newer and would
        take an ancient one; the first that fits is taken.
    """

    name: str
    module: str
    package: str
    title: str
    threads: int = THREADS
    pins: str = ""
    kernels: tuple[tuple[str, str], ...] = ()


REFERENCE = "numpy_hand"
RIVAL = "torch"
PEERS = {
    peer.name: peer
    for peer in (
        Peer("autonn", "autonn", "autonn", "layers and operators, as a user writes them"),
        Peer(REFERENCE, "numpy_hand", "numpy", "forward and backward by hand in raw NumPy"),
        Peer(RIVAL, "torch", "torch", "eager, 2 threads"),
        Peer("torch1", "torch", "torch", "eager, 1 thread", threads=1),
        Peer("jax", "jax", "jax", "compiled by jit"),
        Peer("autograd", "autograd", "autograd", "eager"),
        Peer("mygrad", "mygrad", "mygrad", "eager"),
        Peer("dezero", "dezero", "dezero", "eager, in float64 wherever a number comes in"),
        Peer(
            *("chainer", "chainer", "chainer", "eager, with an older NumPy and BLAS"),
            pins="chainer.txt",
            kernels=(("avx512f", "SkylakeX"), ("avx2", "Haswell")),
        ),
    )
}
