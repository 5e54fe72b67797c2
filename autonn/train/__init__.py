"""Training: `fit`, what it reports, and checkpoints from which it goes on bit for bit."""

from autonn.train.checkpoint import resume, save_checkpoint
from autonn.train.history import History
from autonn.train.loop import evaluate, fit
from autonn.train.metrics import accuracy, mean_absolute_error
from autonn.train.solver import Solver
from autonn.train.state import Training

__all__ = [
    "History",
    "Solver",
    "Training",
    "accuracy",
    "evaluate",
    "fit",
    "mean_absolute_error",
    "resume",
    "save_checkpoint",
]
