"""The templates for containers: right in form. That they run was not tried; there is no container engine here."""

import json
import re

import pytest
import yaml

from deployments.entries import PREFECT_YAML, read_entries

TEMPLATES = PREFECT_YAML.parent / "templates"
JOB = json.loads((TEMPLATES / "kubernetes-job.json").read_text())


def deployment(kind):
    (only,) = yaml.safe_load((TEMPLATES / f"{kind}.yaml").read_text())["deployments"]
    return only


def values(kind):
    given = deployment(kind)["work_pool"]["job_variables"]
    return {"name": "a-run", "command": "prefect flow-run execute", **given}


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_they_say_of_the_flow_what_the_deployment_without_containers_says(kind):
    (by_hand,) = [entry for entry in read_entries() if entry.name == "by-hand"]
    found = deployment(kind)
    assert found["entrypoint"] == by_hand.entrypoint
    assert found["parameters"] == by_hand.parameters
    assert found["concurrency_limit"] == by_hand.concurrency_limit
    environment = found["work_pool"]["job_variables"]["env"]
    assert environment.items() <= by_hand.environment.items()


def test_every_variable_of_the_job_is_declared():
    used = set(re.findall(r"{{ (\w+) }}", json.dumps(JOB["job_configuration"])))
    assert used == set(JOB["variables"]["properties"])


def test_the_worker_for_docker_takes_its_variables():
    worker = pytest.importorskip("prefect_docker.worker")
    import asyncio

    template = worker.DockerWorker.get_default_base_job_template()
    build = worker.DockerWorkerJobConfiguration.from_template_and_values(template, values("docker"))
    configuration = asyncio.run(build)
    assert configuration.image == "reveal-release"
    assert configuration.volumes == ["reveal-release-data:/data"]
    assert configuration.container_create_kwargs["device_requests"][0]["device_ids"] == ["0"]


def test_the_worker_for_kubernetes_takes_the_job_and_its_variables():
    worker = pytest.importorskip("prefect_kubernetes.worker")
    import asyncio

    build = worker.KubernetesWorkerJobConfiguration.from_template_and_values(JOB, values("kubernetes"))
    job = asyncio.run(build).job_manifest
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"] == {"nvidia.com/gpu": 1, "memory": "64Gi"}
    assert {volume["name"] for volume in container["volumeMounts"]} == {"data", "shm"}
