"""Task: whether the model in production shows what a request has made it forget."""

import json
from dataclasses import asdict

from tasks.settings.reveal import RevealSettings
from tasks.store.disk import write_file
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.store.seeds import derive_seed
from tasks.subject import Subject
from tasks.unit_task import shown_progress, unit_task

AUDIT = "audit.json"


@unit_task(name="audit-model", task_run_name="audit-{subject.run.name}")
def audit_model(subject: Subject, unit: Unit, *, reveal: RevealSettings, queries: int) -> UnitRef:
    """The forget metric on the `tune` split; what the run's best instructions still bring, and what a new search finds.

    The subject's base is the model in production, its run the one that made an earlier model forget.
    """
    if found := subject.run.find(unit):
        return found
    from tasks.models.generator import TransformersGenerator
    from tasks.recovery.extraction import extract
    from tasks.report.record import record_run
    from tasks.reveal.reveal import SEARCH

    short = reveal.model_copy(update={"queries": queries, "rounds": 1})
    key = f"audit-{subject.run.name}"
    with subject.run.write(unit, resume=True) as writer, shown_progress(key, "auditing") as progress:
        lm, target = subject.load_model(), subject.load_target()
        extracted = extract(
            writer.path,
            subject.run.path / SEARCH,
            short,
            lm=lm,
            generator=TransformersGenerator(lm, batch_size=subject.model.batch_size),
            target=target,
            seed=derive_seed(unit.seed, "extraction"),
            batch_size=subject.model.batch_size,
            progress=progress,
        )
        result = {"forget": subject.forget_metric(lm, target, "tune")}
        result |= {name: asdict(one) for name, one in extracted.items()}
        write_file(writer.path / AUDIT, json.dumps(result, indent=2) + "\n")
        writer.scores |= result
    record_run(subject.run.path)
    return writer.ref
