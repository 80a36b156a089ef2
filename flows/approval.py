"""The question to a person in the Prefect UI: a typed form under the scores. The process ends while it is asked."""

from datetime import UTC, datetime
from typing import Literal

from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import deployment
from pydantic import Field

from tasks.register.verdict import Verdict
from tasks.report.summary import read_summary
from tasks.report.tables import markdown_table, metric_rows
from tasks.show_samples import show_samples
from tasks.subject import Subject


class Approval(RunInput):
    """The form; what it brings is kept by Prefect, and our record of it is `verdict.json`."""

    decision: Literal["approve", "reject", "show samples"] = Field(
        "reject", description="`show samples` asks again, with answers of the model among the artifacts of this run."
    )
    reason: str = Field("", max_length=2000, description="Why; recorded with the verdict.")
    name: str = Field("", max_length=200, description="Who decides; recorded with the verdict.")


def ask_for_approval(subject: Subject, until: datetime) -> Verdict | None:
    """Suspend the flow run until a person has filled in the form; none where no deployment could start it again.

    When the form is sent, the flow begins anew from its first line, and comes by here again: what was answered before
    is then handed over without asking. The answers of the model are shown only to who asks for them.

    Args:
        subject: The run to be decided on; its base is the model that would go into production.
        until: Nobody is asked later, in UTC.
    """
    if not deployment.id:
        return None
    scores = markdown_table(metric_rows(read_summary(subject.run.path)))
    told = f"May the model of run `{subject.run.name}` go into production?\n\n{scores}"
    number = 1
    while True:
        seconds = max(60, int((until - datetime.now(UTC)).total_seconds()))
        form = Approval.with_initial_data(description=told)
        answer = suspend_flow_run(wait_for_input=form, timeout=seconds, key=f"approve-{subject.run.name}-{number}")
        number += 1
        if answer.decision == "show samples":
            show_samples(subject)
        elif answer.reason.strip() and answer.name.strip():
            return Verdict.make(answer.decision, reason=answer.reason, name=answer.name)
        else:
            told = f"**A verdict needs a reason and a name.**\n\n{told}"
