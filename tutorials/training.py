# %% [markdown]
# # Training, from five lines to a checkpoint
#
# Run the cells one by one (VS Code, Spyder and Jupytext know the marks), or the file as a whole.

# %%
import numpy as np

import autonn
from autonn import nn, optim
from autonn.data import load_digits, minibatches
from autonn.train import accuracy, evaluate

digits = load_digits()
loss = nn.CrossEntropyLoss()


def network() -> nn.Module:
    """Make a perceptron with BatchNorm."""
    rng = np.random.default_rng(0)
    layers = [nn.Linear(64, 64, rng=rng), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2, rng=rng)]
    return nn.Sequential(*layers, nn.Linear(64, 10, rng=rng))


# %% [markdown]
# Nothing is hidden: this is all that training is.

# %%
net = network()
optimizer = optim.SGD(net, lr=0.1, momentum=0.9)
rng = np.random.default_rng(1)
for x, labels in minibatches(digits.x_train, digits.y_train, size=32, rng=rng):
    loss(net(x), labels).backward()
    optimizer.step()
    optimizer.zero_grad()
test = (digits.x_test, digits.y_test)
print("after one epoch:", evaluate(net, loss, test, metrics={"accuracy": accuracy}))

# %% [markdown]
# `fit` is that loop, with validation, metrics, a schedule, the best weights, early stopping.

# %%
net = network()
optimizer = optim.AdamW(net, lr=0.01, weight_decay=0.01, decay_all=False)
history = autonn.fit(
    net,
    loss,
    (digits.x_train[180:], digits.y_train[180:]),
    optimizer=optimizer,
    epochs=10,
    validation=(digits.x_train[:180], digits.y_train[:180]),
    metrics={"accuracy": accuracy},
    schedule=optim.CosineLR(optimizer, 10),
    checkpoint="training.npz",
)
found = evaluate(net, loss, test, metrics={"accuracy": accuracy})
print(f"the best epoch was {history.best + 1}; on images never seen: {found['accuracy']:.2%}")
assert found["accuracy"] > 0.95

# %% [markdown]
# The file holds everything: run `fit` again with more epochs, and it goes on, bit for bit as if it
# had never stopped. The weights alone are saved like this, for you or for PyTorch.

# %%
autonn.save(net.state_dict(), "digits.safetensors")
again = network()
again.load_state_dict(autonn.load("digits.safetensors"))
assert evaluate(again, loss, test)["loss"] == evaluate(net, loss, test)["loss"]

# %% [markdown]
# How it learned, as a picture.

# %%
history.plot().savefig("curves.png")
