# %% [markdown]
# # Backprop, step by step
#
# Run the cells one by one (VS Code, Spyder and Jupytext know the marks), or the file as a whole.

# %%
from pathlib import Path

import numpy as np

import autonn
from autonn import Tensor, nn
from viz import draw

# %% [markdown]
# A Tensor is an array that remembers how it was computed. Here is one neuron.

# %%
x = Tensor([1.0, 2.0], requires_grad=True, name="x")
w = Tensor([0.5, -1.0], requires_grad=True, name="w")
y = np.tanh((w * x).sum() + 0.25)
draw(y)  # in a notebook, the picture

# %% [markdown]
# `backward` starts with dy/dy = 1 and goes back through the graph. Each operation has one formula
# for each of its arguments, in `autonn/rules.py`: of `tanh` it is `g * (1 - y * y)`.

# %%
y.backward()
by_hand = (1 - y.data**2) * x.data
print("autograd", w.grad.data, "by hand", by_hand)
assert np.allclose(w.grad.data, by_hand)

# %% [markdown]
# The same for a layer: a trace records what ran, with layers, names and lines, and checks each rule
# against numerical differentiation.

# %%
rng = np.random.default_rng(0)
net = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.BatchNorm1d(3)).astype(np.float64)
data = Tensor(rng.normal(size=(8, 4)), requires_grad=True)
with autonn.trace(check=True) as graph:
    loss = (net(data) ** 3).mean()
    loss.backward()
print(graph)
worst = max(error for op in graph for error in op.errors.values())
print(f"the worst error of any rule: {worst:.1e}")
assert graph.diverging is None

# %% [markdown]
# A page on which you walk through the backward pass: open it, and press the arrow to the right.

# %%
page = draw(graph).save("backprop.html")
print(page, Path(page).stat().st_size // 1000, "kB")

# %% [markdown]
# Where does the gradient of BatchNorm's input come from? `explain` splits it into the paths that it
# took.

# %%
a = Tensor(rng.normal(size=(8, 3)), requires_grad=True, name="a")
print(autonn.explain(nn.BatchNorm1d(3).astype(np.float64)(a), a, gradient=rng.normal(size=(8, 3))))
