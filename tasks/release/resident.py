"""One model stays in the process from task to task: to read sixteen gigabytes anew for each would take minutes.

Nothing of one task can reach the next through it. Whoever takes the model gets its weights written afresh from the
files, also those of step 0; a model that anything but values was changed of is read anew.
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from tasks.models.language_model import LanguageModel, load_language_model
from tasks.release.merge import Checkpoints, Update
from tasks.settings.errors import UserError


class ResidentModel:
    """At most one model, that of the last `take`."""

    def __init__(self) -> None:
        self._source: tuple[Path, str, str] | None = None
        self._lm: LanguageModel | None = None
        self._surroundings: Any = None

    def take(self, base_folder: Path, updates: Sequence[Update], *, device: str, dtype: str) -> LanguageModel:
        """The model of a folder with updates on it; what was handed out before can no longer be used.

        The weights are those of a fresh `load_language_model` and `Checkpoints.apply`, bit for bit.

        Raises:
            UserError: what these two refuse.
        """
        source = (base_folder, device, dtype)
        if self._lm and self._source == source and _surroundings(self._lm.model) == self._surroundings:
            # A new handle, the old one without its model: two states of one model cannot be held at the same time.
            before, self._lm = self._lm, LanguageModel(self._lm.model, self._lm.tokenizer)
            del before.model
            checkpoints = Checkpoints(base_folder)
            checkpoints.apply(self._lm, updates)
            checkpoints.restore_rest(self._lm)
            return self._lm
        self.drop()
        lm = load_language_model(base_folder, device=device, dtype=dtype)
        if updates:
            Checkpoints(base_folder).apply(lm, updates)
        if _can_be_restored(lm, base_folder):
            self._source, self._lm, self._surroundings = source, lm, _surroundings(lm.model)
        return lm

    def drop(self) -> None:
        """Give the memory back: what was handed out can no longer be used."""
        if self._lm is None:
            return
        del self._lm.model
        self._lm = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


_resident: ContextVar[ResidentModel | None] = ContextVar("resident", default=None)


@contextmanager
def resident_model() -> Iterator[None]:
    """Inside the block `take_model` keeps its model for the next call; after the outermost one it is given back."""
    if _resident.get():
        yield
        return
    resident = ResidentModel()
    token = _resident.set(resident)
    try:
        yield
    finally:
        _resident.reset(token)
        resident.drop()


def take_model(base_folder: Path, updates: Sequence[Update], *, device: str, dtype: str) -> LanguageModel:
    """See `ResidentModel.take`; outside a block of `resident_model` every call reads the files, and keeps nothing."""
    resident = _resident.get() or ResidentModel()
    return resident.take(base_folder, updates, device=device, dtype=dtype)


def _can_be_restored(lm: LanguageModel, base_folder: Path) -> bool:
    try:
        Checkpoints(base_folder).require(lm)
    except UserError:
        return False
    return Checkpoints(base_folder).holds_all(lm)


def _surroundings(model: PreTrainedModel) -> Any:
    """What a model is apart from its parameters' values, which are written; equal as long as nobody touched it."""
    parameters = {
        name: (p.shape, p.dtype, p.device, p.requires_grad, p.grad is None) for name, p in model.named_parameters()
    }
    buffers = {name: buffer.tolist() for name, buffer in model.named_buffers()}
    modules = {
        name: (type(module), module.training, len(module._forward_hooks), len(module._forward_pre_hooks))
        for name, module in model.named_modules()
    }
    return parameters, buffers, modules
