"""Task: what a model reaches in a benchmark of lm-evaluation-harness."""

import json
from pathlib import Path

from tasks.store.disk import write_file
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import Subject
from tasks.unit_task import unit_task

BENCHMARK = "benchmark.json"


@unit_task(name="measure-benchmark", task_run_name="measure-{unit.name}")
def measure_benchmark(
    subject: Subject,
    unit: Unit,
    *,
    benchmark: str,
    folder: str,
    step: int = 0,
    other_model: Path | str | None = None,
) -> UnitRef:
    """The scores of a benchmark and of what it consists of; its data are there before the model is loaded."""
    if found := subject.run.find(unit):
        return found
    from tasks.assess.lm_eval_harness import load_benchmark, run_benchmark

    loaded = load_benchmark(benchmark, folder)
    with subject.run.write(unit) as writer:
        lm = subject.load_model(step, other_model=other_model)
        result = run_benchmark(lm, loaded, batch_size=subject.model.batch_size, seed=unit.seed)
        write_file(writer.path / BENCHMARK, json.dumps(result, indent=2) + "\n")
        writer.scores |= result
    return writer.ref
