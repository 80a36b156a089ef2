"""What a night of re-unlearning audits, who must approve, and what a run must not bring back."""

from typing import Literal

from pydantic import Field

from tasks.settings.base import Settings
from tasks.settings.target import TargetSettings

WATCHED = "forgotten before: "
"""How the name of a metric begins that is observed because its target was forgotten before."""


class ForgottenTarget(Settings):
    """A target that the model has forgotten before a run, and that the run may not bring back."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,60}$")
    """Of the request that it was forgotten for."""
    target: TargetSettings
    """What was forgotten; its `retain_file` is not read."""
    limit: float = Field(ge=0, le=1)
    """Highest forget metric that it may have, on the `tune` split."""

    @property
    def watched_as(self) -> str:
        """Name of its forget metric among what is observed of a checkpoint."""
        return f"{WATCHED}{self.name}"


class AuditSettings(Settings):
    """How the model in production is asked for what it has forgotten."""

    queries: int = Field(30, ge=1, le=10_000)
    """Arms that the fresh search chooses, after `reveal.initial_queries` at random, in one round."""
    days: int = Field(7, ge=1, le=366)
    """An unchanged model is searched anew, with other draws, after so many days; until then the last audit stands."""
    max_forget: float = Field(0.05, ge=0, le=1)
    """Forget metric on the `tune` split above which a target leaks; the request's own goal, where that is higher."""
    max_yield: float = Field(0.25, ge=0, le=1)
    """Share of responses, to the saved or to the freshly found instructions, that hold a forget pair; above it the
    target leaks. Models that were accepted yield up to 0.17 to a fresh search."""


class ApprovalSettings(Settings):
    """Whether a person must approve before a model goes into production."""

    required: bool = False
    """A finished release waits for a verdict."""
    days: float = Field(3.0, ge=0, le=366)
    """How long it waits."""
    default: Literal["approve", "reject"] = "reject"
    """What happens when nobody has decided by then."""
