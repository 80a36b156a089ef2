"""The settings of a run: the command line, the presets and the form in the Prefect UI are this one model."""

from pydantic import Field

from tasks.settings.assess import AssessSettings
from tasks.settings.base import Settings
from tasks.settings.compare import CompareSettings
from tasks.settings.model import LabSettings, ModelSettings
from tasks.settings.release import ReleaseSettings
from tasks.settings.reunlearn import ForgottenTarget
from tasks.settings.reveal import RevealSettings
from tasks.settings.target import MeasureSettings, TargetSettings

NUMBER_FREE = frozenset(
    {
        *("name", "runs_dir", "exclusive", "deadline_minutes", "purge_forget_set"),
        *("model.vllm_memory", "model.api_url", "model.api_model"),
    }
)
"""Settings that cannot change a number: left out of every key and of the comparison with an earlier run."""

MAY_CHANGE = NUMBER_FREE | {"assess", "compare"}
"""Settings in which a run may differ from the one it goes on with: recovery tests and other methods, whose units have
them in their keys, come after it."""


class RunSettings(Settings):
    """Everything a Reveal-and-Release run depends on."""

    preset: str = "lab-toxicity"
    """The preset these settings started from; part of the run's default name."""
    name: str = ""
    """Name of the run and of its folder: lower case, digits, dashes. Empty: `<preset>-s<seed>`."""
    runs_dir: str = "runs"
    """Folder that holds the runs."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """The one seed; every unit of work derives its own from it."""
    purge_forget_set: bool = False
    """After the run, also one that ended earlier: destroy what the model wrote of the target, and keep digests."""
    exclusive: bool = False
    """Wait until no other run that says so computes on this machine. On a GPU every run waits its turn."""
    deadline_minutes: float = Field(0.0, ge=0)
    """Minutes after which the run is ended, waiting included; it can go on later. 0: no deadline."""
    model: ModelSettings = ModelSettings()
    lab: LabSettings = LabSettings()
    target: TargetSettings = TargetSettings()
    forgotten: tuple[ForgottenTarget, ...] = ()
    """What the model has forgotten before (`name`, `target`, `limit` of each): the gate holds it to its limits."""
    revealed_before: tuple[str, ...] = ()
    """Names of earlier runs in `runs_dir` for the same target, of the model as it was before: the pairs of their forget
    sets join this run's."""
    reveal: RevealSettings = RevealSettings()
    release: ReleaseSettings = ReleaseSettings()
    measure: MeasureSettings = MeasureSettings()
    assess: AssessSettings = AssessSettings()
    compare: CompareSettings = CompareSettings()

    @property
    def run_name(self) -> str:
        """The run's name, the default one where none was given."""
        return self.name or f"{self.preset}-s{self.seed}"
