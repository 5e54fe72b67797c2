"""Write torch_net.safetensors, a network that PyTorch saved, and torch_net.npz, what it computes.

Needs torch==2.13.0 and safetensors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent


class Net(torch.nn.Module):
    """An image's rows as a sequence: the names are those of `Net` in test_files.py."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 4, 3, padding=1)
        self.bn = torch.nn.BatchNorm2d(4)
        self.blocks = torch.nn.ModuleList([torch.nn.Linear(24, 8), torch.nn.LayerNorm(8)])
        self.lstm = torch.nn.LSTM(8, 8, num_layers=2, batch_first=True)
        self.mha = torch.nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Any) -> Any:
        """X (N, 2, 6, 6), y (N, 6, 8)."""
        x = torch.relu(self.bn(self.conv(x)))
        x = x.transpose(1, 2).flatten(2)
        for block in self.blocks:
            x = block(x)
        x, _ = self.lstm(x)
        return self.mha(x, x, x)[0]


def main() -> None:
    """Train a little, so that statistics and norms are no longer 0 and 1."""
    torch.manual_seed(0)
    net = Net().double()
    optimiser = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(10):
        x = torch.randn(8, 2, 6, 6, dtype=torch.float64)
        optimiser.zero_grad()
        ((net(x) - x.mean()) ** 2).sum().backward()
        optimiser.step()
    net.eval()
    x = torch.randn(3, 2, 6, 6, dtype=torch.float64)
    save_file(net.state_dict(), HERE / "torch_net.safetensors", metadata={"framework": "pt"})
    np.savez(HERE / "torch_net.npz", x=x.numpy(), y=net(x).detach().numpy())


if __name__ == "__main__":
    main()
