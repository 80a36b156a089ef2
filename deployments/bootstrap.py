"""Prepare a Prefect server for this project: work pool, queues, deployments, automations. Safe to run twice.

python -m deployments.bootstrap

Limits of the pool and its queues are left as they are once they exist; deployments and automations are brought to
what this version of the project says. Where REVEAL_RELEASE_WEBHOOK holds an address, failed gates and leaks are posted
to it.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from uuid import UUID

from deployments.entries import PREFECT_YAML, Entry, read_entries, set_environment
from deployments.server import server_address
from tasks.settings.errors import UserError

WEBHOOK = "REVEAL_RELEASE_WEBHOOK"
WEBHOOK_BLOCK = "reveal-release-webhook"

PRIORITIES = {"by-hand": 1, "scheduled": 2}
"""Of the work queues: what a person waits for goes first."""


def main() -> int:
    """Prepare the server, and say what was created and what was there; returns the exit code."""
    set_environment()
    try:
        print(f"server: {server_address()}")  # noqa: T201
        for line in prepare(read_entries()):
            print(line, flush=True)  # noqa: T201
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


def prepare(entries: list[Entry]) -> Iterator[str]:
    """Make what is missing; yields one line for each thing.

    Raises:
        UserError: a deployment cannot be registered; Prefect's own words are in the message.
    """
    yield from _pools(entries)
    yield from _deployments(entries)
    yield from _automations()


def _pools(entries: list[Entry]) -> Iterator[str]:
    from prefect import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    with get_client(sync_client=True) as client:
        for name in sorted({entry.pool for entry in entries}):
            try:
                pool = client.read_work_pool(name)
                yield f"work pool {name}: there, of type {pool.type}"
            except ObjectNotFound:
                template = ProcessWorker.get_default_base_job_template()
                pool = WorkPoolCreate(name=name, type="process", base_job_template=template, concurrency_limit=1)
                client.create_work_pool(pool)
                yield f"work pool {name}: created, of type process, one run at a time"
        for pool, queue in sorted({(entry.pool, entry.queue) for entry in entries}):
            try:
                client.read_work_queue_by_name(queue, work_pool_name=pool)
                yield f"work queue {queue}: there"
            except ObjectNotFound:
                client.create_work_queue(queue, work_pool_name=pool, priority=PRIORITIES[queue])
                yield f"work queue {queue}: created, priority {PRIORITIES[queue]}"


def _deployments(entries: list[Entry]) -> Iterator[str]:
    from prefect import get_client
    from prefect.exceptions import ObjectNotFound

    names, there = [f"{entry.load_flow().name}/{entry.name}" for entry in entries], set()
    with get_client(sync_client=True) as client:
        for name in names:
            try:
                client.read_deployment_by_name(name)
                there.add(name)
            except ObjectNotFound:
                pass
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(PREFECT_YAML)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - nothing of a user's
    if done.returncode:
        raise UserError(f"the deployments cannot be registered: {' '.join((done.stdout + done.stderr).split())}")
    for name in names:
        yield f"deployment {name}: {'there, updated' if name in there else 'created'}"


def _automations() -> Iterator[str]:
    from prefect.automations import Automation

    from deployments.automations import automations

    for automation in automations(_webhook()):
        try:
            there = Automation.read(name=automation.name)
        except ValueError:
            automation.create()
            yield f"automation {automation.name}: created"
            continue
        automation.id, automation.enabled = there.id, there.enabled
        automation.update()
        yield f"automation {automation.name}: there, updated"


def _webhook() -> UUID | None:
    """The block that posts to the address in the environment; None where there is none."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    if not (url := os.environ.get(WEBHOOK)):
        return None
    block = CustomWebhookNotificationBlock(name="people", url=url, json_data={"text": "{{subject}}\n{{body}}"})
    return block.save(WEBHOOK_BLOCK, overwrite=True)


if __name__ == "__main__":
    raise SystemExit(main())
