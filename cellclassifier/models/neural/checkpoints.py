"""Checkpoints of one training: written whole, checked when read, none of them a pickle.

    step-000000035/
        network.safetensors     the weights
        optimizer.safetensors   AdamW's moments, "<parameter>.<name>"
        state.json              where training stands, and the SHA-256 of the other two

The last two are kept, and the one of the best epoch. No state of random generators is needed: the
loop seeds them before every step.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

from cellclassifier.data.digests import sha256
from cellclassifier.errors import InputError
from cellclassifier.models.neural.full_disk import writing
from cellclassifier.output.files import write_json

KEPT = 2
NETWORK, OPTIMIZER, STATE = "network.safetensors", "optimizer.safetensors", "state.json"

log = logging.getLogger(__name__)


@dataclass
class TrainingState:
    """Where training stands, between two steps."""

    epoch: int = 0
    """the epoch under way, from 0"""

    batch: int = 0
    """batches of it that were learned from"""

    loss: float = 0.0
    """their summed loss, in units of the mean per batch"""

    step: int = 0
    """steps of all epochs"""

    best_score: float | None = None
    """on the validation samples"""

    best_step: int | None = None
    """the step after which the network had it"""

    waited: int = 0
    """epochs since then"""

    pieces: int = 1
    """that a batch is cut into, so as to fit into memory"""

    has_ended: bool = False
    """whether there is nothing left to learn"""

    history: list[dict] = field(default_factory=list)
    """a row per whole epoch"""


class Checkpoints:
    """A folder of checkpoints; the first process alone writes into it.

    training: JSON values that tell this training from any other, such as options and seed.
    """

    def __init__(self, folder: Path, training: dict):
        self.folder, self.training = Path(folder), json.loads(json.dumps(training))

    def save(self, state: TrainingState, network: nn.Module, optimizer) -> None:
        """Write a checkpoint, then remove those that nothing needs any more.

        Raises InputError where it cannot be written; those before stay.
        """
        folder = self._of(state.step)
        temporary = folder.with_name(f".{folder.name}")
        try:
            with writing(folder):
                self._write(temporary, state, network, optimizer)
                shutil.rmtree(folder, ignore_errors=True)
                os.replace(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._tidy(state)

    def _write(self, folder: Path, state: TrainingState, network: nn.Module, optimizer) -> None:
        shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
        folder.mkdir(parents=True)
        safetensors.torch.save_model(network, str(folder / NETWORK))
        safetensors.torch.save_file(flat(optimizer), str(folder / OPTIMIZER))
        digests = {name: sha256(folder / name) for name in (NETWORK, OPTIMIZER)}
        content = {"training": self.training, "state": asdict(state), "sha256": digests}
        write_json(folder / STATE, content)

    def newest(self) -> TrainingState | None:
        """State of the newest checkpoint that is whole, or None.

        Raises InputError where the folder holds the checkpoints of another training.
        """
        for folder in reversed(self._all()):
            content = self._read(folder)
            if content:
                self._require_same(content["training"])
                return TrainingState(**content["state"])
        return None

    def load(self, state: TrainingState, network: nn.Module, optimizer) -> None:
        """The weights and the optimizer of a state that ``newest`` has found."""
        self.load_network(state.step, network)
        path = self._of(state.step) / OPTIMIZER
        fill(optimizer, safetensors.torch.load_file(path, device="cpu"))

    def load_network(self, step: int, network: nn.Module) -> None:
        """The weights after a step."""
        safetensors.torch.load_model(network, str(self._of(step) / NETWORK))

    def _of(self, step: int) -> Path:
        return self.folder / f"step-{step:09d}"

    def _all(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"))

    def _read(self, folder: Path) -> dict | None:
        """The state.json of a checkpoint, if that and the one of its best epoch are whole."""
        try:
            content = whole(folder)
            best_step = content["state"]["best_step"]
            if best_step is not None:
                whole(self._of(best_step))
            return content
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.info(f"The checkpoint {folder} is damaged ({error}): taking the one before.")
            return None

    def _tidy(self, state: TrainingState) -> None:
        """Remove what is old, and what was damaged and has been trained anew."""
        behind = [path for path in self._all() if path <= self._of(state.step)]
        kept = behind[-KEPT:]
        needed = {*kept, *(self._of(step) for step in map(best_step_of, kept) if step is not None)}
        for path in set(self._all()) - needed:
            shutil.rmtree(path)

    def _require_same(self, training: dict) -> None:
        for name, value in self.training.items():
            if training.get(name) != value:
                raise InputError(
                    f"the checkpoints in {self.folder} are of another training ({name} "
                    f"{training.get(name)}, here {value}): choose another folder, or --fresh"
                )


def best_step_of(folder: Path) -> int | None:
    """The step of the best epoch so far, as a checkpoint knows it."""
    try:
        return json.loads((folder / STATE).read_text(encoding="utf-8"))["state"]["best_step"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def whole(folder: Path) -> dict:
    """The state.json of a checkpoint; ValueError or OSError if any file is not as written."""
    content = json.loads((folder / STATE).read_text(encoding="utf-8"))
    for name in (NETWORK, OPTIMIZER):
        if sha256(folder / name) != content["sha256"][name]:
            raise ValueError(f"{name} has another SHA-256")
    TrainingState(**content["state"])
    return content


def flat(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimizer's tensors, "<parameter>.<name>"."""
    state = optimizer.state_dict()["state"]
    return {
        f"{i}.{name}": value.contiguous() for i, own in state.items() for name, value in own.items()
    }


def fill(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Put back what ``flat`` took."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        i, _, name = key.partition(".")
        state.setdefault(int(i), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
