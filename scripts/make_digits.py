"""Write autonn/data/digits.npz from scikit-learn's copy of the UCI digits. Needs scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

if __name__ == "__main__":
    digits = load_digits()
    path = Path(__file__).parents[1] / "autonn" / "data" / "digits.npz"
    np.savez_compressed(
        path, images=digits.images.astype(np.uint8), labels=digits.target.astype(np.uint8)
    )
    print(path, path.stat().st_size, "bytes")
