"""A user's mistakes: mypy and pyright find each, or complain that a comment ignores nothing."""

from typing import TYPE_CHECKING

import numpy as np

import autonn
from autonn import Tensor, nn, optim
from viz import draw

if TYPE_CHECKING:
    x = Tensor([1.0], require_grad=True)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    x.backwards()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    x.grad.data  # type: ignore[union-attr] # pyright: ignore[reportOptionalMemberAccess]
    number: float = x.mean()  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
    x.shape = (2,)  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
    net = nn.Linear(3, out=2)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    nn.Linear("3", 2)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    nn.Dropuot(0.5)  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    nn.Sequential(np.tanh)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    sgd = optim.SGD(net, rate=0.1)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    sgd.steps()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    autonn.fit(net, optimizer=sgd)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    autonn.save("net.npz", net.state_dict())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    autonn.compare(net).okay  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    draw(x, collapsed=True)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
