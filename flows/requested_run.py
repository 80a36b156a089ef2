"""From a request to the settings of the run that carries it out, and from a run's folder back to its settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from flows.command_line import merged, read_preset, read_yaml, suited, validated
from flows.reunlearn_settings import ReunlearnSettings
from flows.run_settings import NUMBER_FREE, RunSettings
from tasks.register.cases import Case
from tasks.register.production import Version
from tasks.register.request import Request
from tasks.settings.errors import UserError
from tasks.settings.reunlearn import ForgottenTarget
from tasks.store.keys import json_digest
from tasks.store.run import SETTINGS
from tasks.subject import FORGET_SET

_NAME_CHARACTERS = 48
_DIGEST_CHARACTERS = 10


def check_request(request: Request, settings: ReunlearnSettings) -> None:
    """Refuse what no run could carry out, whatever the model.

    Raises:
        UserError: the preset is unknown, or the target cannot be used.
    """
    from tasks.targets.registry import build_target

    run = _run_settings(request, settings, model_path="")
    build_target(
        run.target,
        num_prompts=run.measure.num_prompts,
        max_new_tokens=run.measure.max_new_tokens,
        seed=run.seed,
    )


def requested_run(
    request: Request, settings: ReunlearnSettings, *, model: Version, forgotten: Sequence[Case], released: str = ""
) -> RunSettings:
    """The settings of a run for a request.

    Its name is the request's with a digest of all that decides its numbers, the model among it: the same work is
    found again whatever night it is, and other work gets another folder.

    Args:
        request: What is to be forgotten.
        settings: Of the night.
        model: Where the run starts.
        forgotten: Cases of what the model has forgotten before.
        released: Name of the run that fulfilled the request for an earlier model; what it revealed is used again,
            unless it was purged.

    Raises:
        UserError: as `check_request`, or a run of an earlier case is damaged.
    """
    run = _run_settings(request, settings, model_path=model.path)
    before = tuple(_forgotten(case, settings) for case in sorted(forgotten, key=lambda case: case.request.id))
    is_kept = released and (Path(settings.runs_dir) / released / FORGET_SET).exists()
    run = run.model_copy(update={"forgotten": before, "revealed_before": (released,) if is_kept else ()})
    dump = run.model_dump(mode="json", exclude={"assess": True, "model": {"path"}})
    decides = {name: value for name, value in dump.items() if name not in NUMBER_FREE}
    digest = json_digest([request.id, model.digest, decides])[:_DIGEST_CHARACTERS]
    return run.model_copy(update={"name": f"{request.id[:_NAME_CHARACTERS].rstrip('-')}-{digest}"})


def read_run_settings(settings: ReunlearnSettings, run: str) -> RunSettings:
    """The settings that a run was begun with.

    Raises:
        UserError: the run is missing, or its settings are damaged.
    """
    path = Path(settings.runs_dir) / run / SETTINGS
    try:
        resolved: dict[str, Any] = yaml.safe_load(path.read_bytes())["resolved"]
    except (OSError, yaml.YAMLError, LookupError, TypeError, ValueError):
        raise UserError(f"{path} is damaged or missing: put it back, or remove the case of its request.") from None
    return validated(resolved | {"runs_dir": settings.runs_dir})


def forget_limit(measured_goal: float, settings: ReunlearnSettings) -> float:
    """Forget metric above which a target leaks: what was asked for, and never less than the audit allows."""
    return max(measured_goal, settings.audit.max_forget)


def _run_settings(request: Request, settings: ReunlearnSettings, *, model_path: str) -> RunSettings:
    """Preset, then the operator's file, then the request."""
    given = read_yaml(Path(settings.run_settings), "run_settings") if settings.run_settings else {}
    asked = {
        "model": {"path": model_path},
        "target": request.target.model_dump(exclude_unset=True) if request.target else {},
        "measure": request.limits.model_dump(exclude_none=True),
    }
    given = merged(given, asked)
    preset = suited(read_preset(request.preset), given)
    return validated(merged(preset, given) | {"runs_dir": settings.runs_dir, "seed": settings.seed})


def _forgotten(case: Case, settings: ReunlearnSettings) -> ForgottenTarget:
    run = read_run_settings(settings, case.released)
    return ForgottenTarget(
        name=case.request.id, target=run.target.without_retain, limit=forget_limit(run.measure.goal, settings)
    )
