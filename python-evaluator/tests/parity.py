"""The parity kit: official-format checkpoints, inputs, and what the official code answered. No part of the project."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

KIT = Path(__file__).parents[3] / "shared" / "parity" / "kit.py"
CLOSE = 1e-3
"""How far logits may be off, in standard deviations of the official ones."""


def kit() -> Any:
    """The kit as a module; skips the test where it is not."""
    if not KIT.is_file():
        pytest.skip(f"the parity kit is not in {KIT.parent}")
    specification = importlib.util.spec_from_file_location("kit", KIT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def tensors(arrays: Any) -> list[torch.Tensor]:
    return [torch.from_numpy(array) for array in arrays]


def distance(name: str, got: torch.Tensor, official: NDArray[np.float32]) -> float:
    """The largest difference in standard deviations of the official values; printed, and shown with -s."""
    furthest = float(np.abs(got.numpy() - official).max() / official.std())
    print(f"{name}: {furthest:.1e} of the standard deviation")  # noqa: T201
    return furthest
