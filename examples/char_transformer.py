"""A decoder-only Transformer reads and writes the same text as the LSTM of `char_lstm.py`.

You will see the bits per character of text that it has not read fall below those of guessing by
frequency, and 300 characters that it makes up. In the same seconds it reads more than the LSTM,
character by character it learns less: in the end they are about equal (2.5 bits).
"""

from __future__ import annotations

from collections.abc import Iterator
from pydoc_data.topics import topics
from typing import Any

import numpy as np

from autonn import functional as F
from autonn import nn, no_grad, optim
from autonn.train import evaluate, fit

T, SIZE = 32, 350_000  # characters in a window, and in all
PARTS, ROUNDS = 6, 10  # it reads a sixth of them at a time, and most of them twice


def read() -> tuple[str, np.ndarray]:
    """Give the alphabet, and the text as its indices. Topics repeat paragraphs: once is enough."""
    paragraphs = "\n\n".join(topics[name] for name in sorted(topics)).split("\n\n")
    text = "\n\n".join(dict.fromkeys(paragraphs))[:SIZE]
    alphabet, ids = np.unique(list(text), return_inverse=True)
    return "".join(alphabet), ids


class Decoder(nn.Module):
    """Scores (N, alphabet, T) of each next character, of ids (N, T), up to T of them."""

    def __init__(self, alphabet: int, width: int, depth: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.embed = nn.Embedding(alphabet, width, rng=rng)
        self.embed.weight.assign(0.5 * self.embed.weight.numpy())
        self.place = nn.PositionalEncoding(width, T, batch_first=True, rng=rng)
        options: dict[str, Any] = {"dropout": 0.0, "batch_first": True, "norm_first": True}
        self.blocks = [
            nn.TransformerEncoderLayer(width, 4, 4 * width, **options, rng=rng)
            for _ in range(depth)
        ]
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, alphabet, rng=rng)

    def forward(self, ids: Any) -> Any:
        """Let each position see itself and what stands before it: `causal`."""
        x = self.place(self.embed(ids))  # (N, T, width)
        for block in self.blocks:
            x = block(x, causal=True)
        return np.swapaxes(self.out(self.norm(x)), 1, 2)

    def write(self, i: int, temperature: float, rng: np.random.Generator) -> Iterator[int]:
        """Draw one character after another, starting from i, each from the T before it."""
        ids = [i]
        while True:
            with no_grad():
                p = F.softmax(self(np.array([ids[-T:]]))[0, :, -1] / temperature).numpy()
            ids.append(int(rng.choice(len(p), p=p.astype(float) / p.sum(dtype=float))))
            yield ids[-1]


def main() -> tuple[float, float, str]:
    """Read and write; give the bits per character, those of frequencies alone, and the sample."""
    (alphabet, ids), rng = read(), np.random.default_rng(0)
    windows = ids[: len(ids) // (T + 1) * (T + 1)].reshape(-1, T + 1)
    x, target = windows[:, :-1], windows[:, 1:]
    n = len(x) * 9 // 10  # the last tenth is held out
    p = np.bincount(target[:n].ravel(), minlength=len(alphabet)) + 1
    unigram = -float(np.mean(np.log2(p / p.sum())[target[n:]]))
    print(f"{len(alphabet)} characters; by their frequencies alone {unigram:.3f} bits each")

    net, loss = Decoder(len(alphabet), 64, 1, rng), nn.CrossEntropyLoss()
    optimizer = optim.Adam(net, lr=0.01, betas=(0.9, 0.98))
    schedule = optim.CosineLR(optimizer, ROUNDS * n // PARTS // 16 + ROUNDS, warmup=50)
    bits = np.inf
    for k in range(ROUNDS):
        part = x[k % PARTS : n : PARTS], target[k % PARTS : n : PARTS]
        told: dict[str, Any] = {"schedule": schedule, "schedule_each": "step", "progress": False}
        fit(net, loss, part, optimizer=optimizer, epochs=1, batch_size=16, rng=rng, **told)
        bits = evaluate(net, loss, (x[n:], target[n:]))["loss"] / np.log(2)
        print(f"{n * T * (k + 1) // PARTS:8,} characters read: {bits:.3f} bits each")

    letters = net.write(alphabet.index("\n"), 0.8, rng)
    sample = "".join(alphabet[next(letters)] for _ in range(300))
    print(f"\nIt writes:\n{sample}")
    return float(bits), unigram, sample


if __name__ == "__main__":
    main()
