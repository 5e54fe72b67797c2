"""What is done to examples before a model sees them: hold some out, encode labels, standardise."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from autonn.arguments import Dtype, Size, checked
from autonn.arrays import numbers
from autonn.data.batches import Array, common_length, expect_generator


def train_test_split(
    *arrays: Array,
    test: float = 0.2,
    rng: np.random.Generator,
    stratify: Array | None = None,
) -> tuple[Array, ...]:
    """Cut arrays of one length at random into examples to learn from and others to test on.

    Parameters
    ----------
    arrays
        Such as inputs and labels: the first axis is that of the examples.
    test
        The share of the examples, between 0 and 1, or their number, a whole one, to be held out.
    rng
        Draws which.
    stratify
        Labels whose shares are kept: of each, test / n of its examples are held out, give or take
        less than one.

    Returns
    -------
    tuple
        Two arrays for each given one: x_train, x_test, y_train, y_test, ... (in scikit-learn's
        order).

    Raises
    ------
    ValueError
        If the arrays are empty or have several lengths, or one of the two parts would be empty.

    Examples
    --------
    >>> x, y = np.arange(10) * 10, np.arange(10) % 2
    >>> rng = np.random.default_rng(0)
    >>> x_train, x_test, y_train, y_test = train_test_split(x, y, test=4, rng=rng, stratify=y)
    >>> len(x_train), np.bincount(y_test).tolist()
    (6, [2, 2])
    """
    what = "train_test_split"
    n = common_length(what, *arrays)
    expect_generator(what, rng)
    count = _held_out(test, n)
    if stratify is None:
        order = rng.permutation(n)
        held = np.sort(order[:count])
        rest = np.sort(order[count:])
    else:
        common_length(f"{what} with stratify last", *arrays, stratify)
        chosen = _stratified(stratify, count, rng)
        held, rest = np.flatnonzero(chosen), np.flatnonzero(~chosen)
    rng.shuffle(held)
    rng.shuffle(rest)
    return tuple(array[part] for array in arrays for part in (rest, held))


def _held_out(test: Any, n: int) -> int:
    number = isinstance(test, int | np.integer) and not isinstance(test, bool)
    if not number and not (isinstance(test, float | np.floating) and 0 < test < 1):
        raise ValueError(f"train_test_split: test={test!r}; want a share like 0.2, or a number")
    count = int(test) if number else round(float(test) * n)
    if not 0 < count < n:
        told = f"test={test!r} holds out {count} of {n}; want 1 or more on each side"
        raise ValueError(f"train_test_split: {told}")
    return count


def _stratified(labels: Array, count: int, rng: np.random.Generator) -> Array:
    """Choose `count` examples, of each label its share: the largest remainders are rounded up."""
    if labels.ndim != 1:
        told = f"stratify has shape {labels.shape}; want one label for each example"
        raise ValueError(f"train_test_split: {told}")
    _, place, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    parts, remainders = np.divmod(sizes * count, len(labels))  # whole numbers: no rounding
    up = np.argsort(-remainders, kind="stable")[: count - parts.sum()]
    parts[up] += 1
    chosen = np.zeros(len(labels), bool)
    for label, part in enumerate(parts):
        chosen[rng.permutation(np.flatnonzero(place == label))[:part]] = True
    return chosen


@checked
def one_hot(labels: Array, classes: Size, dtype: Dtype = np.float32) -> Array:
    """y[..., k] = 1 if labels[...] = k, else 0.

    Parameters
    ----------
    labels
        Whole numbers from 0 to `classes` - 1, of any shape.
    classes
        How many there are.
    dtype
        Of the result.

    Returns
    -------
    numpy.ndarray
        (*labels.shape, classes).

    Raises
    ------
    ValueError
        If a label is out of range; it says where.
    TypeError
        If labels are not whole numbers.

    Examples
    --------
    >>> one_hot(np.array([2, 0]), 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    labels = numbers("one_hot", "labels", labels)
    if labels.dtype.kind not in "iu":
        told = f"labels are {labels.dtype}; want integers"
        raise TypeError(f"one_hot: {told} (np.unique(labels, return_inverse=True) makes them)")
    if np.any(wrong := (labels < 0) | (labels >= classes)):
        where = tuple(int(i[0]) for i in np.nonzero(np.atleast_1d(wrong)))
        seen = np.atleast_1d(labels)[where]
        told = f"labels[{', '.join(map(str, where))}] is {seen}; want 0 to {classes - 1}"
        raise ValueError(f"one_hot: {told}")
    try:
        y = np.zeros((*labels.shape, classes), dtype)
    except (ValueError, MemoryError):
        told = f"an array of shape {(*labels.shape, classes)} does not fit into memory"
        raise ValueError(f"one_hot: {told}") from None
    np.put_along_axis(y, labels[..., None].astype(np.intp), 1, axis=-1)
    return y


def standardise(x_train: Array, *others: Array) -> tuple[Array, ...]:
    """(x - mean) / std of each feature, both over the training set alone, in all arrays.

    Parameters
    ----------
    x_train
        (n, ...): what mean and std are taken of, over its first axis. NaN is left out of them.
    others
        The same features of other examples, such as a test set, which must not be looked at.

    Returns
    -------
    tuple
        x_train and the others, standardised, in x_train's dtype (whole numbers become float64).
        A feature that is constant in x_train stays as it is.

    Raises
    ------
    ValueError
        If x_train is empty or infinite somewhere, or another array has other features.

    Warns
    -----
    UserWarning
        If there is NaN: which features hold it, and how often. It stays.

    Examples
    --------
    >>> x_train, x_test = standardise(np.array([[1.0, 7.0], [3.0, 7.0]]), np.array([[5.0, 8.0]]))
    >>> x_train.tolist(), x_test.tolist()
    ([[-1.0, 7.0], [1.0, 7.0]], [[3.0, 8.0]])
    """
    common_length("standardise", x_train)
    for i, x in enumerate((x_train, *others)):
        _expect_features(i, x, x_train)
    dtype = x_train.dtype if x_train.dtype.kind == "f" else np.dtype(np.float64)
    known = ~np.isnan(x_train)
    n = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, x_train, 0).sum(axis=0, dtype=np.float64) / n
    centred = np.where(known, x_train - mean, 0)
    std = np.sqrt(np.square(centred).sum(axis=0) / n)
    same = (x_train == _first_known(x_train, known)) | ~known
    constant = same.all(axis=0)  # asked exactly: the std of equal numbers may round to 1e-17
    mean, std = np.where(constant, 0, mean), np.where(constant, 1, std)
    return tuple(((x - mean) / std).astype(dtype) for x in (x_train, *others))


def _first_known(x: Array, known: Array) -> Array:
    return np.take_along_axis(x, known.argmax(axis=0)[None], axis=0)


def _expect_features(i: int, x: Any, x_train: Array) -> None:
    name = f"others[{i - 1}]" if i else "x_train"
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "fiub":
        kind = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
        raise TypeError(f"standardise: {name} is {kind}; want an array of numbers")
    if x.shape[1:] != x_train.shape[1:] or not x.ndim:
        wanted = ", ".join(["n", *map(str, x_train.shape[1:])])
        raise ValueError(f"standardise: {name} has shape {x.shape}; want ({wanted})")
    if i == 0 and np.isinf(x).any():
        where = tuple(int(axis[0]) for axis in np.nonzero(np.isinf(x)))
        raise ValueError(f"standardise: x_train[{', '.join(map(str, where))}] is {x[where]}")
    missing = np.isnan(x).sum(axis=0).ravel()
    if missing.any():
        features = np.flatnonzero(missing)
        some = ", ".join(map(str, features[:5])) + ", ..." * (len(features) > 5)
        told = f"{missing.sum()} values of {name} are NaN, in features {some}; they stay"
        warnings.warn(f"standardise: {told}", stacklevel=3)
