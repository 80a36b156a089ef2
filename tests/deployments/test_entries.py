import os
import subprocess
import sys

import pytest
import yaml
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.entries import PREFECT_YAML, read_entries, set_environment
from deployments.serve import served
from deployments.server import server_address
from flows.command_line import read_preset, validated
from flows.run_settings import RunSettings
from tasks.settings.errors import UserError

BY_NAME = {entry.name: entry for entry in read_entries()}


def test_the_entries_are_those_of_the_file():
    written = yaml.safe_load(PREFECT_YAML.read_text())["deployments"]
    assert [entry.name for entry in read_entries()] == [deployment["name"] for deployment in written]


@pytest.mark.parametrize("name", ["by-hand", "your-model", "weekly"])
def test_the_form_begins_as_the_preset(name):
    settings = RunSettings.model_validate(BY_NAME[name].parameters["settings"])
    assert settings == validated(read_preset(settings.preset))


@pytest.mark.parametrize("entry", read_entries(), ids=lambda entry: entry.name)
def test_every_entry_has_a_flow_a_limit_and_no_telemetry(entry):
    flow = entry.load_flow()
    assert set(flow.parameters.properties) >= set(entry.parameters)
    assert entry.concurrency_limit == {"limit": 1, "collision_strategy": "ENQUEUE"}
    assert entry.environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert entry.environment["DO_NOT_TRACK"] == "1"


def test_what_is_set_in_the_environment_stays(monkeypatch):
    for name in BY_NAME["by-hand"].environment:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    set_environment()
    assert os.environ["OMP_NUM_THREADS"] == "4"
    assert os.environ["DO_NOT_TRACK"] == "1"
    for name in BY_NAME["by-hand"].environment:
        monkeypatch.delenv(name)


def test_what_is_served_is_what_is_deployed():
    weekly = served(BY_NAME["weekly"])
    assert weekly.full_name == "assess/weekly"
    assert weekly.entrypoint == "flows.assess.assess"
    assert weekly.parameters == BY_NAME["weekly"].parameters
    assert (weekly.concurrency_limit, weekly.concurrency_options.collision_strategy) == (1, "ENQUEUE")
    (schedule,) = weekly.schedules
    assert (schedule.schedule.cron, schedule.active) == ("0 4 * * 0", False)


@pytest.mark.parametrize(
    ("address", "words"),
    [(None, "PREFECT_API_URL is not set"), ("http://127.0.0.1:9/api", "where no Prefect server answers")],
)
def test_without_a_server_one_sentence(address, words):
    with temporary_settings({PREFECT_API_URL: address}), pytest.raises(UserError, match=words):
        server_address()


def test_the_command_ends_with_two(tmp_path):
    environment = os.environ | {"PREFECT_API_URL": "", "PREFECT_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "deployments.bootstrap"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith("error: PREFECT_API_URL is not set")
    assert done.stderr.count("\n") == 1
