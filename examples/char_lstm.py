"""An LSTM reads the reference of the Python language, letter by letter, and then writes some of it.

You will see the bits per character of text that it has not read fall below those of guessing by
frequency, and 300 characters that it makes up after some seconds of reading.
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
PARTS = 6  # it reads a sixth of them at a time


def read() -> tuple[str, np.ndarray]:
    """Give the alphabet, and the text as its indices. Topics repeat paragraphs: once is enough."""
    paragraphs = "\n\n".join(topics[name] for name in sorted(topics)).split("\n\n")
    text = "\n\n".join(dict.fromkeys(paragraphs))[:SIZE]
    alphabet, ids = np.unique(list(text), return_inverse=True)
    return "".join(alphabet), ids


class CharLSTM(nn.Module):
    """Scores (N, alphabet, T) of each next character, of ids (N, T)."""

    def __init__(self, alphabet: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.embed = nn.Embedding(alphabet, 32, rng=rng)
        self.lstm = nn.LSTM(32, 128, batch_first=True, rng=rng)
        self.out = nn.Linear(128, alphabet, rng=rng)

    def forward(self, ids: Any) -> Any:
        """Read, starting from an empty memory."""
        y, _ = self.lstm(self.embed(ids))
        return np.swapaxes(self.out(y), 1, 2)

    def write(self, i: int, temperature: float, rng: np.random.Generator) -> Iterator[int]:
        """Draw one character after another, starting from i; the memory goes along."""
        state = None
        while True:
            with no_grad():
                y, state = self.lstm(self.embed(np.array([[i]])), state)
                p = F.softmax(self.out(y)[0, 0] / temperature).numpy().astype(float)
            yield (i := int(rng.choice(len(p), p=p / p.sum())))


def main() -> tuple[float, float, str]:
    """Read and write; give the bits per character, those of frequencies alone, and the sample."""
    (alphabet, ids), rng = read(), np.random.default_rng(0)
    windows = ids[: len(ids) // (T + 1) * (T + 1)].reshape(-1, T + 1)
    x, target = windows[:, :-1], windows[:, 1:]
    n = len(x) * 9 // 10  # the last tenth is held out
    p = np.bincount(target[:n].ravel(), minlength=len(alphabet)) + 1
    unigram = -float(np.mean(np.log2(p / p.sum())[target[n:]]))
    print(f"{len(alphabet)} characters; by their frequencies alone {unigram:.3f} bits each")

    net, loss = CharLSTM(len(alphabet), rng), nn.CrossEntropyLoss()
    optimizer = optim.Adam(net, lr=0.03)
    schedule = optim.CosineLR(optimizer, n // 32 + PARTS, min_lr=1e-3)
    bits = np.inf
    for k in range(PARTS):
        part = x[k:n:PARTS], target[k:n:PARTS]
        told: dict[str, Any] = {"schedule": schedule, "schedule_each": "step", "progress": False}
        fit(net, loss, part, optimizer=optimizer, epochs=1, clip_norm=1.0, rng=rng, **told)
        bits = evaluate(net, loss, (x[n:], target[n:]))["loss"] / np.log(2)
        print(f"{n * T * (k + 1) // PARTS:8,} characters read: {bits:.3f} bits each")

    letters = net.write(alphabet.index("\n"), 0.8, rng)
    sample = "".join(alphabet[next(letters)] for _ in range(300))
    print(f"\nIt writes:\n{sample}")
    return float(bits), unigram, sample


if __name__ == "__main__":
    main()
