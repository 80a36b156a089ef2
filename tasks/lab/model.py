"""The lab model as stored work: trained once for a seed, then found again by the key of everything that shaped it."""

import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tasks.lab.exclusions import EXCLUSIONS
from tasks.lab.recipe import RECIPE, world_digest
from tasks.settings.errors import UserError
from tasks.store.folders import UnitRef, find_unit, write_unit
from tasks.store.keys import Unit
from tasks.store.lock import queue_lock

CACHE_VARIABLE = "REVEAL_RELEASE_CACHE"

_VERSION = 1
_KEY_CHARACTERS = 16  # of 64, in the folder's name; the manifest holds the whole key


@cache
def lab_unit(seed: int, exclude: str | None = None) -> Unit:
    """The training of the lab model as a unit: its key is known without training, and without importing torch.

    Raises:
        UserError: `exclude` is nothing that can be left out.
    """
    if exclude is not None and exclude not in EXCLUSIONS:
        raise UserError(f"lab: '{exclude}' cannot be left out of the lab model, only one of {', '.join(EXCLUSIONS)}")
    return Unit(
        name="lab-model",
        version=_VERSION,
        settings={"recipe": RECIPE, "world": world_digest(), "exclude": exclude},
        seed=seed,
        environment={"device": "cpu", "dtype": "float32", "backend": "torch", "threads": 1},
    )


def lab_model(
    seed: int,
    *,
    exclude: str | None = None,
    cache_dir: Path | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> UnitRef:
    """The lab model of a seed, in a folder that `from_pretrained` reads; trained first if the cache has none.

    Where another process is training it, this one waits.

    Args:
        seed: Of the initial weights and the corpus.
        exclude: "rude", "person", "code" or "facts" (the authors to be forgotten): the gold model, never shown these.
        cache_dir: Where trained models are kept; by default ``$REVEAL_RELEASE_CACHE``, or the user's cache folder.
        progress: Called while training with the fraction done and a short message.

    Raises:
        UserError: `exclude` is nothing that can be left out; the cache cannot be written; a file in it is damaged.
    """
    unit = lab_unit(seed, exclude)
    folder = _folder(unit, cache_dir)
    if found := find_unit(folder, unit):
        return found

    def waiting(holder: str) -> None:
        if progress:
            progress(0.0, f"it is being trained by {holder}")

    with queue_lock(folder.with_name(folder.name + ".lock"), folder.name, waiting):
        if found := find_unit(folder, unit):  # finished by another process a moment ago
            return found
        from tasks.lab.training import save_lab_model, train_lab_model  # here: only training needs torch

        with write_unit(folder, unit) as writer:
            save_lab_model(*train_lab_model(seed, exclude=exclude, progress=progress), writer.path)
    return writer.ref


def find_lab_model(unit: Unit) -> UnitRef | None:
    """The lab model of a unit where it is cached."""
    return find_unit(_folder(unit, None), unit)


def _folder(unit: Unit, cache_dir: Path | None) -> Path:
    return (cache_dir or user_cache()) / f"{unit.name}-{unit.key[:_KEY_CHARACTERS]}"


def user_cache() -> Path:
    """``$REVEAL_RELEASE_CACHE``, or this program's folder where the platform keeps caches."""
    if given := os.environ.get(CACHE_VARIABLE):
        return Path(given).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "reveal-release"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reveal-release"
