"""The deployments of `prefect.yaml` as values; the environment that goes with them. Imports no Prefect."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

PREFECT_YAML = Path(__file__).with_name("prefect.yaml")


@dataclass(frozen=True)
class Entry:
    """One deployment.

    Attributes:
        name: Within its flow: `by-hand`.
        entrypoint: Dotted path of the flow: `flows.reveal_release.reveal_release`.
        description: What the UI says above the form.
        tags: Of its flow runs.
        parameters: What the form begins with.
        schedules: As Prefect takes them: `{"cron", "timezone", "active"}`.
        concurrency_limit: As Prefect takes it: `{"limit", "collision_strategy"}`.
        pool: Name of the work pool.
        queue: Name of its work queue.
        environment: Of the process that runs the flow.
    """

    name: str
    entrypoint: str
    description: str
    tags: tuple[str, ...]
    parameters: Mapping[str, Any]
    schedules: tuple[Mapping[str, Any], ...]
    concurrency_limit: Mapping[str, Any]
    pool: str
    queue: str
    environment: Mapping[str, str]

    def load_flow(self) -> Any:
        """The flow; imports Prefect."""
        module, _, name = self.entrypoint.rpartition(".")
        return getattr(import_module(module), name)


def read_entries() -> list[Entry]:
    """All deployments, in the order of the file."""
    return [
        Entry(
            name=written["name"],
            entrypoint=written["entrypoint"],
            description=written["description"],
            tags=tuple(written["tags"]),
            parameters=written["parameters"],
            schedules=tuple(written.get("schedules", ())),
            concurrency_limit=written["concurrency_limit"],
            pool=written["work_pool"]["name"],
            queue=written["work_pool"]["work_queue_name"],
            environment=written["work_pool"]["job_variables"]["env"],
        )
        for written in yaml.safe_load(PREFECT_YAML.read_text(encoding="utf-8"))["deployments"]
    ]


def set_environment() -> None:
    """Give this process, and what it starts, the environment of the deployments; what is set already stays."""
    for entry in read_entries():
        for name, value in entry.environment.items():
            os.environ.setdefault(name, value)
