"""From a run's settings to what its tasks work on."""

from flows.plan import Plan
from flows.run_settings import RunSettings
from tasks.prepare_model import prepare_model
from tasks.store.run import Run
from tasks.subject import Subject


def open_subject(settings: RunSettings, run: Run, plan: Plan) -> Subject:
    """The model and the target of a run, the model made or found on this machine."""
    return Subject(
        run=run,
        base=prepare_model(settings.model, settings.seed),
        device=plan.device,
        backend=plan.backend,
        model=settings.model,
        target=settings.target,
        measure=settings.measure,
        seed=settings.seed,
        forgotten=settings.forgotten,
    )
