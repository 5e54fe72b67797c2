"""A user's program: mypy and pyright, both strict, find nothing in it, and know these types."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from typing_extensions import assert_type

import autonn
from autonn import Tensor, data, nn, optim
from autonn.check.report import Report
from autonn.graph import Primitive
from autonn.trace.data import Graph
from autonn.train.history import History
from viz import Drawing, draw

Array = np.ndarray[Any, Any]

# ----- Tensors -----

x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="x")
w = Tensor([0.5, -1.0], requires_grad=True)
for y in (x @ w, 2 * x + 1, -(x**2), x / 3, x[0], x[:, None], x.T, x.sum(axis=0), x.reshape(4)):
    assert_type(y, Tensor)
assert_type(x.mean(), Tensor)
assert_type(x.detach(), Tensor)
assert_type(x.at[0].set(1.0), Tensor)
assert_type(x.shape, tuple[int, ...])
assert_type(x.data, Array)
assert_type(x.numpy(), Array)
assert_type(x.grad, Tensor | None)

# What NumPy's stubs do not know must be Any: after a Never, all would be dead code, unchecked.
assert_type(np.sum(x), Any)
loss = np.sum(np.tanh(x @ w) ** 2)
loss.backward()
assert x.grad is not None
assert_type(x.grad.data, Array)
with autonn.no_grad():
    assert_type(x * 2, Tensor)
autonn.grad(np.tanh)(0.5)


@autonn.primitive
def cube(a: Any) -> Any:
    """a³."""
    return a**3


assert_type(cube, Primitive)
cube = autonn.defvjp(cube, a=lambda g, a: 3 * g * a**2)
autonn.PRIMITIVES.pop(cube.forward)

# ----- Networks -----


class Net(nn.Module):
    """A perceptron; what a layer takes and gives may be an array or a Tensor, and so is Any."""

    def __init__(self, width: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.first = nn.Linear(64, width, rng=rng)
        self.norm = nn.BatchNorm1d(width)
        self.last = nn.Linear(width, 10, rng=rng)

    def forward(self, x: Any) -> Any:
        """softmax⁻¹."""
        return self.last(np.tanh(self.norm(self.first(x))))


net = Net(16, np.random.default_rng(0))
assert_type(net.first, nn.Linear)
assert_type(net.train(), Net)
assert_type(net.parameters(), Iterator[Tensor])
assert_type([name for name, _ in net.named_parameters()], list[str])
assert_type(net.state_dict(), dict[str, Array])
assert_type(nn.Sequential(nn.Linear(4, 3), nn.ReLU())[0], nn.Module)

digits = data.load_digits(test=1701)
assert_type(digits.x_train, Array)
history = autonn.fit(
    net,
    nn.CrossEntropyLoss(),
    (digits.x_train, digits.y_train),
    optimizer=optim.Adam(net.parameters(), lr=1e-3),
    epochs=1,
    progress=False,
)
assert_type(history, History)
out: Tensor = net(digits.x_train)
assert_type(out, Tensor)

# ----- Verdicts and pictures -----

report = autonn.compare(nn.Linear(3, 2), np.ones((4, 3)))
assert_type(report, Report)
assert_type(report.ok, bool)
with autonn.trace() as graph:
    net(digits.x_train)
assert_type(graph, Graph)
assert_type(draw(graph), Drawing)
