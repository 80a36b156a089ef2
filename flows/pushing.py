"""What `python -m flows.release --push` may send to a hub, and why it may not: of accepted runs, on demand alone."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from flows.exporting import find_run
from flows.run_settings import RunSettings
from tasks.settings.errors import UserError

TOKEN = "HF_TOKEN"  # noqa: S105 - its name


@dataclass(frozen=True)
class Push:
    """Where to, and who may read it there."""

    repository: str
    public: bool
    token: str = field(repr=False)


def plan_push(settings: RunSettings, repository: str, *, public: bool, undo_to: int | None) -> Push:
    """What was asked for, where the run may be pushed.

    Raises:
        UserError: the repository's name is none, the environment has no token, there is no such run, it was not
            accepted, or a step of it is asked for that was not what was accepted.
    """
    from tasks.report.hub import REPOSITORY
    from tasks.report.summary import SUMMARY, read_summary

    if not REPOSITORY.fullmatch(repository):
        raise UserError(f"--push is {repository!r}; give OWNER/NAME, of letters, digits, dots, dashes and underscores.")
    if undo_to is not None:
        raise UserError(f"--undo-to is {undo_to}, but only what was accepted as a whole is pushed; leave it out.")
    run, _ = find_run(settings)
    verdict = read_summary(run.path)["verdict"] if (run.path / SUMMARY).exists() else "not finished"
    if verdict != "accepted":
        raise UserError(f"--push is {repository}, but run {run.name} is {verdict}; only an accepted model is pushed.")
    if not (token := os.environ.get(TOKEN, "")):
        raise UserError(f"--push is {repository}, but {TOKEN} is not set; put a token that may write there into it.")
    return Push(repository, public, token)


def published_folder(settings: RunSettings) -> Path:
    """The model that an accepted run has published, verified.

    Raises:
        UserError: it is not there any more, or damaged.
    """
    from tasks.report.summary import read_summary

    run, plan = find_run(settings)
    if found := run.find(plan.published(read_summary(run.path)["last_step"])):
        return found.folder
    raise UserError(f"run {run.name} has no model/; let python -m flows.reveal_release write it again.")


def push(settings: RunSettings, folder: Path, asked: Push) -> str:
    """Send a folder of the run with a card of what was measured; see `push_to_hub`."""
    from tasks.models.model_folder import is_hub_id
    from tasks.report.hub import push_to_hub
    from tasks.report.model_card import hub_card
    from tasks.report.summary import read_summary

    base = settings.model.path
    card = hub_card(
        read_summary(find_run(settings)[0].path),
        base if is_hub_id(base) else "",
        is_adapter=(folder / "adapter_config.json").exists(),
    )
    return push_to_hub(folder, asked.repository, card=card, public=asked.public, token=asked.token)
