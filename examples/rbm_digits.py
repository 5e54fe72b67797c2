"""A restricted Boltzmann machine learns what digits look like, with no labels.

You will see the exact log-likelihood of held-out digits rise (16 hidden bits can be summed over),
the gap between the free energies of digits that were seen and unseen, which tells of overfitting,
and lost rows of digits repaired. With `--picture rbm.png` it draws reconstructions there, and what
each hidden bit looks for into rbm-filters.png.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np

from autonn import nn, no_grad, optim
from autonn.data import load_digits, minibatches


def bars(image: np.ndarray) -> list[str]:
    """Give an image of 8 × 8 bits as eight short lines."""
    return ["".join("██" if bit else "··" for bit in row) for row in image.reshape(8, 8)]


def main(picture: str | None = None, epochs: int = 120) -> dict[str, float]:
    """Train by persistent contrastive divergence; give the last measurements."""
    digits, rng = load_digits(), np.random.default_rng(0)
    train, test = ((x > 0.4).astype(np.float32) for x in (digits.x_train, digits.x_test))
    rbm = nn.RBM(64, 16, k=1, particles=200, rng=rng)
    p = (train.sum(axis=0) + 1) / (len(train) + 2)
    rbm.visible_bias.assign(np.log(p / (1 - p)))  # so it begins as independent pixels
    optimizer = optim.SGD(rbm, lr=0.2)
    schedule = optim.CosineLR(optimizer, epochs)
    told: dict[str, float] = {}
    print("epoch   log p(unseen digit)   free energy, unseen - seen   wrong bits")
    for epoch in range(epochs + 1):
        if epoch % (epochs // 6) == 0:
            with no_grad():
                told["log p"] = rbm.log_likelihood(test).item()
                told["gap"] = (rbm.free_energy(test).mean() - rbm.free_energy(train).mean()).item()
            told["wrong"] = float(np.mean(rbm.reconstruct(test, 1) != test))
            print("{:5d}   {log p:19.2f}   {gap:26.2f}   {wrong:10.2%}".format(epoch, **told))
        for (v,) in minibatches(train, size=50, rng=rng):
            rbm.contrastive_divergence(v).backward()
            optimizer.step()
            optimizer.zero_grad()
        schedule.step()

    lost = np.zeros(64, bool)
    lost[24:40] = True  # two rows of eight
    chains = np.where(lost, 0, np.repeat(test, 20, axis=0)).astype(np.float32)
    for _ in range(20):  # what is left of a digit stays; the rest is drawn again and again
        guess = rbm.reconstruct(chains, 1, return_prob=True)
        chains = np.where(lost, rng.random(chains.shape) < guess, chains).astype(np.float32)
    filled = np.where(lost, guess.reshape(len(test), 20, 64).mean(axis=1) > 0.5, test)
    told["repaired"] = float(np.mean((filled == test)[:, lost]))
    told["by pixel"] = float(np.mean(((p > 0.5) == test)[:, lost]))
    print(
        "\nbits of two lost rows that are guessed rightly, in all unseen digits: {repaired:.1%}"
        " (from each pixel's frequency: {by pixel:.1%})\n".format(**told)
    )
    for rows in zip(bars(test[0]), bars(test[0] * ~lost), bars(filled[0]), strict=True):
        print("  " + "    ".join(rows))
    if picture:
        plots, path = import_module("viz.plots"), Path(picture)
        plots.reconstructions(rbm, test[:12], (8, 8)).savefig(path)
        plots.filters(rbm, (8, 8), columns=8).savefig(path.with_stem(f"{path.stem}-filters"))
    return told


if __name__ == "__main__":
    main(sys.argv[2] if sys.argv[1:2] == ["--picture"] else None)
