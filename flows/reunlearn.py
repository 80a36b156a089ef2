"""Scheduled re-unlearning: audit the model in production, forget again what leaks, forget what is newly asked for.

python -m flows.reunlearn --adopt path/to/model          the first model in production
python -m flows.reunlearn --register-dir register        one night
python -m flows.reunlearn approve RUN --reason "..." --name "..."
python -m flows.reunlearn --rollback --reason "..." --name "..."
"""

if __name__ == "__main__":
    # As in `flows.reveal_release`: the command line is read before Prefect is imported.
    from flows.reunlearn_command import reunlearn_command

    raise SystemExit(reunlearn_command())

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from prefect import State, flow
from prefect.states import Completed, Failed

from flows.nightly_work import NightlyWork
from flows.requested_run import check_request
from flows.reunlearn_settings import ReunlearnSettings
from tasks.register.cases import Cases
from tasks.register.night import Night
from tasks.register.record import EXIT_CODES, Record
from tasks.register.register import read_register
from tasks.show_night import show_night
from tasks.store.lock import run_lock
from tasks.store.manifests import now
from tasks.subject import one_model


@flow(name="reunlearn", flow_run_name="reunlearn", persist_result=False)
def reunlearn(settings: ReunlearnSettings) -> State:
    """One night: unfinished runs first, then an audit for all that was forgotten, then what leaks and what is new.

    A night that was killed is picked up by the next. Failed: a request was refused, or a run was rejected; the message
    is the night in one sentence.
    """
    production, began = Path(settings.production), now()
    record = Record.beside(production)
    with run_lock(record.folder / ".lock"), one_model():
        register = read_register(Path(settings.register_dir), check=partial(check_request, settings=settings))
        time = datetime.now(UTC)
        night = Night(
            work=NightlyWork(settings, time.date()),
            keep=partial(record.keep, register=register, production=production),
            register=register,
            cases=Cases(record.folder / "cases"),
            production=production,
            runs_dir=Path(settings.runs_dir),
            approval=settings.approval,
            time=time,
            max_attempts=settings.attempts,
        )
        told = record.close_night(night.spend(), register, production=production, began=began)
        show_night(told)
    if told["exit_code"] in (0, EXIT_CODES["waiting"]):
        return Completed(name="Waiting" if told["exit_code"] else None, message=told["outcome"])
    return Failed(message=told["outcome"])
