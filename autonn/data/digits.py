"""The handwritten digits that come with autonn."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any, NamedTuple

import numpy as np

from autonn.arguments import Count, Dtype, checked

Array = np.ndarray[Any, Any]


class Split(NamedTuple):
    """Inputs and labels to learn from, and others to be tested on."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array


@checked
def load_digits(test: Count = 360, seed: Count = 0, dtype: Dtype = np.float32) -> Split:
    """Real handwritten digits: 1,797 images of 8×8 pixels, scaled to [0, 1], with labels 0 to 9.

    Parameters
    ----------
    test
        How many images, chosen by `seed`, are held out for testing.
    seed
        Of the shuffle.
    dtype
        Of the images.

    Returns
    -------
    Split
        Images of shape (n, 64) and labels of shape (n,), int64.

    Notes
    -----
    E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, 1998, doi:10.24432/C50P49, CC BY 4.0, as distributed by scikit-learn.

    Examples
    --------
    >>> load_digits().x_train.shape
    (1437, 64)
    """
    with (
        as_file(files("autonn.data") / "digits.npz") as path,
        np.load(path, allow_pickle=False) as file,
    ):
        images, labels = file["images"], file["labels"]
    if test > len(images):
        raise ValueError(f"load_digits: test={test}; want 0 to {len(images)}")
    order = np.random.default_rng(seed).permutation(len(images))
    x = (images.reshape(len(images), -1)[order] / 16).astype(dtype)
    y = labels[order].astype(np.int64)
    return Split(x[test:], y[test:], x[:test], y[:test])
