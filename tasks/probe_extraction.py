"""Task: Reveal run again on a model that was made to forget."""

import json
from dataclasses import asdict
from pathlib import Path

from tasks.probe_relearning import PROBE
from tasks.settings.assess import AssessSettings
from tasks.settings.reveal import RevealSettings
from tasks.store.disk import write_file
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.store.seeds import derive_seed
from tasks.subject import Subject
from tasks.unit_task import shown_progress, unit_task


@unit_task(name="probe-extraction", task_run_name="probe-{unit.name}")
def probe_extraction(
    subject: Subject,
    unit: Unit,
    *,
    reveal: RevealSettings,
    assess: AssessSettings,
    step: int = 0,
    other_model: Path | str | None = None,
) -> UnitRef:
    """What a new search finds, and what the run's best instructions still bring; goes on where it was killed.

    The model answers in this process, whatever the backend of the run: a checkpoint is no folder that others can read.
    """
    if found := subject.run.find(unit):
        return found
    from tasks.models.generator import TransformersGenerator
    from tasks.recovery.extraction import extract
    from tasks.reveal.reveal import SEARCH

    short = reveal.model_copy(update={"queries": assess.extraction_queries, "rounds": 1})
    key = f"extraction-{subject.run.name}"
    with subject.run.write(unit, resume=True) as writer, shown_progress(key, unit.name) as progress:
        lm = subject.load_model(step, other_model=other_model)
        extracted = extract(
            writer.path,
            subject.run.path / SEARCH,
            short,
            lm=lm,
            generator=TransformersGenerator(lm, batch_size=subject.model.batch_size),
            target=subject.load_target(),
            seed=derive_seed(subject.seed, "extraction"),  # The same draws for every model.
            batch_size=subject.model.batch_size,
            progress=progress,
        )
        result = {name: asdict(one) for name, one in extracted.items()}
        write_file(writer.path / PROBE, json.dumps(result, indent=2) + "\n")
        writer.scores |= result
    return writer.ref
