"""Data that comes with autonn, readers of your own, and what is done to data before training."""

from autonn.data.batches import minibatches
from autonn.data.digits import Split, load_digits
from autonn.data.idx import read_idx
from autonn.data.images import Images, read_images
from autonn.data.splitting import one_hot, standardise, train_test_split
from autonn.data.tables import Table, read_csv

__all__ = [
    "Images",
    "Split",
    "Table",
    "load_digits",
    "minibatches",
    "one_hot",
    "read_csv",
    "read_idx",
    "read_images",
    "standardise",
    "train_test_split",
]
