"""What is disturbed: one night of re-unlearning, from a request to a model in production, in a few seconds.

A tiny random model is in production and a request asks it to forget a few words. The night makes a run of all units
(retain set, search, forget set, adapters, checkpoint, report, model), closes it, switches the pointer, and
writes its own record: two ledgers and two publications. Its limits are so wide that the model is always accepted.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import yaml

from flows.reunlearn_settings import ReunlearnSettings
from tasks.models.model_folder import model_digest
from tasks.register.production import read_production
from tasks.register.record import Record
from tasks.register.rollback import adopt_model
from tasks.store.chain import Chain
from tasks.store.digests import file_digest
from tasks.store.entries import PublicationEntry
from tasks.store.folders import verify_folder
from tasks.store.ledger import LEDGER, verify_ledger
from tasks.store.manifests import MANIFEST, read_manifest
from tests.flows.test_reunlearn import QUICK, request
from tests.tiny_model import make_tiny_model

REQUEST = "forget-pets"
TIMED = {MANIFEST, LEDGER, "summary.json", "settings.yaml", "certificate.json", "certificate.md", "report.html"}
"""Files of a run that hold times or its place."""
AUDIT = "audit"
"""Units that a later night makes of a run whose model is in production; a night that was not disturbed has none."""


def prepare(folder: Path) -> None:
    """A register with its request, and a model in production; `Scene` copies start from here."""
    (folder / "register").mkdir(parents=True)
    asked = yaml.safe_dump(request(REQUEST, ["dog", "cat"], 1)).replace("'2026-11-01'", "2026-11-01")
    (folder / "register" / f"{REQUEST}.yaml").write_text(asked)
    (folder / "run-settings.yaml").write_text(yaml.safe_dump(QUICK))
    model = make_tiny_model(folder / "model", chat=False)
    adopt_model(folder / "scene" / "production" / "production.json", model, name="chaos")


@dataclass(frozen=True)
class Scene:
    """One place where nights are spent: `production/` and `runs/` in a folder of its own.

    Attributes:
        prepared: What `prepare` has made.
        folder: Where the nights write.
    """

    prepared: Path
    folder: Path

    def begin(self) -> "Scene":
        """Put the first model into production."""
        shutil.copytree(self.prepared / "scene", self.folder, dirs_exist_ok=True)
        return self

    @property
    def settings(self) -> ReunlearnSettings:
        return ReunlearnSettings(
            register_dir=str(self.prepared / "register"),
            run_settings=str(self.prepared / "run-settings.yaml"),
            production=str(self.production),
            runs_dir=str(self.folder / "runs"),
            audit={"queries": 2, "max_forget": 1, "max_yield": 1},
        )

    @property
    def production(self) -> Path:
        return self.folder / "production" / "production.json"

    @property
    def run(self) -> Path:
        """The folder of its one run."""
        (run,) = (self.folder / "runs").glob(f"{REQUEST}-*")
        return run

    def spend(self) -> int:
        """A night under whatever runs flows here; returns the exit code in its record."""
        from flows.reunlearn import reunlearn

        reunlearn(self.settings)
        return Record.beside(self.production).nights()[-1]["exit_code"]

    def check_published(self) -> None:
        """At any moment: what is published is whole, and no ledger is broken before its last line."""
        current = read_production(self.production).current
        assert model_digest(current.path) == current.digest
        for model in self.folder.glob("runs/*/model"):
            verify_folder(model)
        for ledger in self.folder.rglob(LEDGER):
            Chain(ledger).links()

    def check_finished(self) -> None:
        """After the next night: all is recorded, and the run's model is in production."""
        verify_ledger(self.run)
        verified = verify_ledger(self.production.parent / "record")
        current = read_production(self.production).current
        assert current.run == self.run.name
        manifest = file_digest(self.run / "model" / MANIFEST)
        published = [link.entry for link in verified.links if isinstance(link.entry, PublicationEntry)]
        assert published[-1].model == manifest, "the record does not know of the publication"

    def contents(self) -> dict[str, str]:
        """Digests of the files of the run that hold no times."""
        names = {path.relative_to(self.run): path for path in self.run.rglob("*") if path.is_file()}
        return {
            str(name): file_digest(path)
            for name, path in names.items()
            if path.name not in TIMED and not path.name.startswith(".") and name.parts[0] != AUDIT
        }

    def ends(self) -> dict[str, str]:
        """When each unit was finished: changes when one is made again."""
        runs = (self.folder / "runs").rglob(MANIFEST)
        units = {str(path.parent.relative_to(self.folder)): path.parent for path in runs}
        return {name: read_manifest(unit)["ended"] for name, unit in units.items() if ".partial" not in name}
