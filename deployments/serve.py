"""Serve the deployments from this process, on one machine and without a work pool or worker: for a laptop.

python -m deployments.serve       beside `prefect server start`, with PREFECT_API_URL set; ends with Ctrl-C
"""

import sys

from deployments.entries import Entry, read_entries, set_environment
from deployments.server import server_address
from tasks.settings.errors import UserError


def main() -> int:
    """Register the deployments and run what is asked of them, one run at a time; returns the exit code."""
    set_environment()
    try:
        address = server_address()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    from prefect import serve

    print(f"serving on {address}; end with Ctrl-C", flush=True)  # noqa: T201
    serve(*map(served, read_entries()), limit=1)
    return 0


def served(entry: Entry) -> object:
    """The deployment as Prefect's `serve` takes it."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.deployments.runner import EntrypointType
    from prefect.schedules import Cron

    return entry.load_flow().to_deployment(
        entry.name,
        description=entry.description,
        tags=list(entry.tags),
        parameters=dict(entry.parameters),
        schedules=[Cron(s["cron"], timezone=s["timezone"], active=s.get("active", True)) for s in entry.schedules],
        concurrency_limit=ConcurrencyLimitConfig(**entry.concurrency_limit),
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


if __name__ == "__main__":
    raise SystemExit(main())
