"""What the release is compared with."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from tasks.settings.base import Settings

MethodName = Literal[
    "gradient-ascent", "grad-diff", "kl-retain", "npo", "simnpo", "rmu", "salun", "negation", "ext-sub", "sisa"
]
TRIED: tuple[MethodName, ...] = (
    "gradient-ascent",
    "grad-diff",
    "kl-retain",
    "npo",
    "simnpo",
    "rmu",
    "salun",
    "negation",
    "ext-sub",
)
"""All that need nothing but the model and what it revealed; `sisa` needs a model that was trained for it."""


@dataclass(frozen=True)
class Compared:
    """A method, and the forget pairs it is given: those the model revealed, or the true ones, which no user has."""

    method: MethodName
    true_data: bool = False

    @property
    def label(self) -> str:
        """Names its units and its row."""
        return f"{self.method}-true-data" if self.true_data else self.method


def compared_folder(compared: Compared, trials: int) -> str:
    """Where in a run the best of so many trials of a method is, its model and what was measured of it."""
    return "compare/sisa" if compared.method == "sisa" else f"compare/{compared.label}/best-of-{trials:02d}"


class CompareSettings(Settings):
    """The other methods: what `flows.compare` runs beside the release; a run itself needs none of it."""

    methods: tuple[MethodName, ...] = TRIED
    """Methods beside ours, on what our search revealed; `sisa` is for lab-facts with lab.gold only. Gold, the model
    trained again without the data, joins where lab.gold is set."""
    true_data: tuple[MethodName, ...] = ()
    """Methods that get a second row, with the true forget data of the lab in place of what was revealed."""
    seeds: tuple[Annotated[int, Field(ge=0, le=2**31 - 1)], ...] = ()
    """Seeds to compare over, a run each; empty: `seed` alone."""
    trials: int = Field(4, ge=1, le=256)
    """Settings that each method is tried with; the best of them on the tune split is reported."""
    budget_minutes: int = Field(0, ge=0, le=1_000_000)
    """Nothing new is begun after so many minutes; what is missing is listed, and the next call goes on. 0: no end."""

    @property
    def compared(self) -> tuple[Compared, ...]:
        """All rows but ours and gold's, in the order of work."""
        given = [Compared(name) for name in self.methods]
        return (*given, *(Compared(name, true_data=True) for name in self.true_data))
