"""The settings of nightly re-unlearning: the command line and the form in the Prefect UI are this one model."""

from pydantic import Field

from tasks.settings.base import Settings
from tasks.settings.reunlearn import ApprovalSettings, AuditSettings


class ReunlearnSettings(Settings):
    """Everything a night depends on, beside the requests."""

    register_dir: str = "register"
    """Folder with the requests to forget, one YAML file each."""
    production: str = "production/production.json"
    """The file that names the model in production; the record of nights lies beside it."""
    runs_dir: str = "runs"
    """Folder that holds the runs."""
    run_settings: str = ""
    """YAML file of run settings that go over the preset of every request: device, backend, text to keep."""
    seed: int = Field(0, ge=0, le=2**31 - 1)
    """Seed of the runs."""
    attempts: int = Field(3, ge=1, le=100)
    """Nights in a row in which a request is tried, each time with the next seed, when its limits reject the run."""
    audit: AuditSettings = AuditSettings()
    approval: ApprovalSettings = ApprovalSettings()
    """For every request; one may ask for more of its own."""
