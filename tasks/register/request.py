"""A request to forget: what, within which limits, who asked, until when. One YAML file of a register."""

from datetime import date

from pydantic import Field, field_validator, model_validator

from tasks.settings.base import Settings
from tasks.settings.reunlearn import ApprovalSettings
from tasks.settings.target import TargetSettings


class RequestLimits(Settings):
    """What a release for a request must reach, and what it may cost; where not given, as the preset says."""

    goal: float | None = Field(None, ge=0, le=1, strict=True)
    """Forget metric at which the target counts as forgotten."""
    max_drop: float | None = Field(None, ge=0, le=1, strict=True)
    """Allowed drop of every kept skill, absolute."""


class Request(Settings):
    """What someone asks to be forgotten."""

    id: str = Field(pattern=r"^[a-z0-9-]{1,60}$")
    """Its name: 1 to 60 of a-z, 0-9 and dashes; runs and records are named after it."""
    preset: str = Field(min_length=1, max_length=60)
    """Preset that gives the settings of its runs, and with them a target (`deployments/presets`)."""
    target: TargetSettings | None = None
    """What to forget, over the preset's target. A request names neither files nor code."""
    limits: RequestLimits = RequestLimits()
    """Goal and allowed damage, over the preset's."""
    asked_by: str = Field(min_length=1, max_length=200)
    """Who asked: recorded, in no way used."""
    asked_on: date = Field(strict=True)
    """Day on which it was asked, `2026-11-27`."""
    deadline: date | None = Field(None, strict=True)
    """Day by which it must be done; afterwards the night's record calls it overdue."""
    approval: ApprovalSettings = ApprovalSettings()
    """Whether a person must approve the model that comes out."""

    @field_validator("target")
    @classmethod
    def _names_no_file(cls, target: TargetSettings | None) -> TargetSettings | None:
        for name in (*target.files, *target.functions) if target else ():
            raise ValueError(f"{name} cannot be set by a request; it belongs into the settings of the operator")
        return target

    @model_validator(mode="after")
    def _deadline_follows(self) -> "Request":
        if self.deadline and self.deadline < self.asked_on:
            raise ValueError(f"deadline {self.deadline} is before asked_on {self.asked_on}")
        return self

    def asks_the_same_as(self, other: "Request") -> bool:
        """Whether both ask for the same work; who asks, until when, and who approves is another matter."""
        work = {"preset", "target", "limits"}
        return self.model_dump(include=work) == other.model_dump(include=work)

    def is_overdue(self, today: date) -> bool:
        """Whether its deadline has passed."""
        return self.deadline is not None and self.deadline < today
