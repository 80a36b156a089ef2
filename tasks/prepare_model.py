"""Tasks: the untouched model as a folder on this machine, and the gold standard to compare with."""

from pathlib import Path

from tasks.settings.model import LAB, ModelSettings
from tasks.subject import Subject
from tasks.unit_task import shown_progress, unit_task


@unit_task(name="prepare-model", task_run_name="prepare-model")
def prepare_model(settings: ModelSettings, seed: int) -> Path:
    """The folder of the model; the lab model is trained if it is not cached."""
    import torch

    torch.set_num_threads(settings.threads)
    if settings.path == LAB:
        return _lab_model(seed, exclude=None)
    from tasks.models.model_folder import find_model_folder

    return find_model_folder(settings.path)


@unit_task(name="prepare-gold", task_run_name="prepare-gold")
def prepare_gold(subject: Subject) -> Path:
    """The folder of the lab model trained without the forget data; trained if it is not cached."""
    from tasks.targets.lab import LAB_TARGETS

    return _lab_model(subject.seed, exclude=LAB_TARGETS[subject.target.kind].excluded)


def _lab_model(seed: int, *, exclude: str | None) -> Path:
    from tasks.lab.model import lab_model

    what = f"lab model without {exclude}" if exclude else "lab model"
    with shown_progress(f"lab-model-s{seed}-{exclude or 'full'}", f"training the {what}") as progress:
        return lab_model(seed, exclude=exclude, progress=progress).folder
