"""What `python -m flows.compare` is asked for, and why it cannot be done: no model is loaded, nothing is created."""

from pathlib import Path

from flows.opening import peek_run
from flows.run_settings import RunSettings
from tasks.settings.errors import UserError
from tasks.settings.target import FIELDS


def runs_of(settings: RunSettings) -> dict[int, RunSettings]:
    """The settings of the run of each seed that is compared over."""
    return {seed: _of_seed(settings, seed) for seed in settings.compare.seeds or (settings.seed,)}


def comparison_folder(settings: RunSettings) -> Path:
    """Where the table is."""
    return Path(settings.runs_dir) / f"compare-{settings.name or settings.preset}"


def check_comparison(settings: RunSettings) -> None:
    """Refuse what cannot be compared.

    Raises:
        UserError: a method needs what these settings do not give; or as `open_run`, for any of the seeds.
    """
    asked = settings.compare
    if "sisa" in asked.methods and not (settings.lab.gold and settings.target.kind == "facts"):
        raise UserError(
            "compare.methods names sisa, whose shards are trained for the lab's facts on the gold model; "
            "use --preset lab-facts --lab.gold, or leave it out."
        )
    if asked.true_data and settings.target.kind in FIELDS:
        raise UserError(
            f"compare.true_data is {list(asked.true_data)}, but only the lab knows its true forget data; leave it out."
        )
    if "sisa" in asked.true_data:
        raise UserError("compare.true_data names sisa, which has no other data; name it in compare.methods alone.")
    for name in ("methods", "true_data", "seeds"):
        if len(set(given := getattr(asked, name))) < len(given):
            raise UserError(f"compare.{name} is {list(given)}, which names one twice; name each once.")
    if settings.assess.checkpoint:
        raise UserError(
            f"assess.checkpoint is {settings.assess.checkpoint!r}, but a comparison makes its models; leave it out."
        )
    for one in runs_of(settings).values():
        peek_run(one)


def _of_seed(settings: RunSettings, seed: int) -> RunSettings:
    name = f"{settings.name}-s{seed}" if settings.name else ""
    return settings.model_copy(update={"seed": seed, "name": name})
