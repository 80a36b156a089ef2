"""One Prefect server, on Debian's PostgreSQL where it is installed."""

from pathlib import Path

import httpx
import pytest

from tests.deployments.conftest import bootstrap

pytestmark = pytest.mark.prefect

NEW = [
    "work pool reveal-release: created, of type process, one run at a time",
    "work queue by-hand: created, priority 1",
    "work queue scheduled: created, priority 2",
    "deployment reveal-release/by-hand: created",
    "deployment reveal-release/your-model: created",
    "deployment reunlearn/nightly: created",
    "deployment assess/weekly: created",
    "automation reveal-release: silent run: created",
    "automation reveal-release: failed gate: created",
    "automation reveal-release: leak found: created",
]
THERE = [
    "work pool reveal-release: there, of type process",
    "work queue by-hand: there",
    "work queue scheduled: there",
    "deployment reveal-release/by-hand: there, updated",
    "deployment reveal-release/your-model: there, updated",
    "deployment reunlearn/nightly: there, updated",
    "deployment assess/weekly: there, updated",
    "automation reveal-release: silent run: there, updated",
    "automation reveal-release: failed gate: there, updated",
    "automation reveal-release: leak found: there, updated",
]


def ask(server, path, **body):
    return httpx.post(f"{server['PREFECT_API_URL']}/{path}", json=body).raise_for_status().json()


def test_a_server_is_prepared_once_and_found_prepared_after(server, workplace, bootstrapped, database):
    assert bootstrapped == [f"server: {server['PREFECT_API_URL']}", *NEW]
    assert bootstrap(server, workplace)[1:] == THERE

    (pool,) = [pool for pool in ask(server, "work_pools/filter") if pool["name"] == "reveal-release"]
    assert (pool["type"], pool["concurrency_limit"]) == ("process", 1)
    deployments = {deployment["name"]: deployment for deployment in ask(server, "deployments/filter")}
    assert set(deployments) == {"by-hand", "your-model", "nightly", "weekly"}
    for deployment in deployments.values():
        assert deployment["global_concurrency_limit"]["limit"] == 1
        assert deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"
        (pull,) = deployment["pull_steps"]
        assert list(pull.values()) == [{"directory": str(workplace)}]
    for name in ("nightly", "weekly"):
        assert deployments[name]["schedules"][0]["active"] is False
    form = deployments["by-hand"]["parameter_openapi_schema"]
    assert {"seed", "exclusive", "deadline_minutes"} <= set(form["definitions"]["RunSettings"]["properties"])
    assert len(ask(server, "automations/filter")) == 3
    if database:
        assert not list(Path(server["PREFECT_HOME"]).glob("*.db")), "the server writes to SQLite as well"
