"""The model after any step of a finished or interrupted run, from what the run stored."""

import json
from pathlib import Path

from tasks.models.language_model import LanguageModel
from tasks.release.adapter import load_adapter
from tasks.release.merge import Checkpoints, Update
from tasks.settings.errors import UserError


def recorded_updates(run_folder: Path, step: int) -> list[Update]:
    """The updates that lead from theta_0 to theta_step, in the order they were merged; steps that were undone add none.

    Raises:
        UserError: a step's `merge.json` or adapter is missing or unreadable.
    """
    updates = []
    for number in range(1, step + 1):
        folder = run_folder / f"step-{number:02d}"
        try:
            merge = json.loads((folder / "merge.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(
                f"run: {folder / 'merge.json'} cannot be read ({error}); give a step that the run has finished."
            ) from error
        if merge["accepted"]:
            updates.append(Update(load_adapter(folder / "forget-adapter"), -merge["forget_weight"]))
            updates.append(Update(load_adapter(folder / "retain-adapter"), merge["retain_weight"]))
    return updates


def rebuild(lm: LanguageModel, base_folder: Path, run_folder: Path, step: int) -> None:
    """Give the model the weights of theta_step; step 0 is the untouched model."""
    Checkpoints(base_folder).apply(lm, recorded_updates(run_folder, step))
