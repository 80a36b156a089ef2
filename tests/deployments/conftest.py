import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

QUIET = {
    "DO_NOT_TRACK": "1",
    "OMP_NUM_THREADS": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_API_URL": "/api",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}
"""What docs/operations.md sets for a server."""
PATIENCE_S = 1800.0
"""Beyond it something hangs, on the busiest machine."""
WORKER = (sys.executable, "-m", "prefect", "worker", "start", "--pool", "reveal-release", "--limit", "1")


def free_port() -> int:
    with socket.socket() as socket_:
        socket_.bind(("127.0.0.1", 0))
        return socket_.getsockname()[1]


def wait_for(found: Callable[[], Any]) -> Any:
    """What is found, as soon as something is."""
    end = time.monotonic() + PATIENCE_S
    while not (one := found()):
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.5)
    return one


def ask(server: dict[str, str], method: str, path: str, content: Any = None) -> Any:
    """What the API answers; again where a busy server on SQLite says 503, as Prefect's own client does."""
    address = f"{server['PREFECT_API_URL']}/{path}"
    while (answer := httpx.request(method, address, json=content, timeout=120)).status_code == 503:
        time.sleep(1)
    return answer.raise_for_status().json()


@contextmanager
def background(*command: str, environment: dict[str, str], log: Path, folder: Path) -> Iterator[subprocess.Popen]:
    """A process that runs as long as the block; Prefect's get a SIGTERM first, for their own children's sake."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, cwd=folder)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def postgres_folder() -> Path | None:
    """Where Debian's PostgreSQL of the highest version keeps its programs; None without it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture(scope="package")
def database(tmp_path_factory) -> Iterator[str | None]:
    """Address of an empty PostgreSQL of its own; None, which is Prefect's SQLite, where it is not installed."""
    if not (programs := postgres_folder()):
        yield None
        return
    data, port = tmp_path_factory.mktemp("postgres") / "data", free_port()
    as_user = []
    if os.geteuid() == 0:  # It does not run as root; Debian's package made this user.
        as_user = ["runuser", "-u", "postgres", "--"]
        data = Path("/tmp") / f"reveal-release-postgres-{port}"
        data.mkdir(mode=0o700)
        shutil.chown(data, "postgres", "postgres")
    try:
        make = [*as_user, str(programs / "initdb"), "-D", str(data), "-U", "prefect", "-A", "trust"]
        subprocess.run(make, check=True, capture_output=True, cwd="/")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        control = [*as_user, str(programs / "pg_ctl"), "-D", str(data), "-w"]
        subprocess.run(
            [*control, "-o", options, "-l", str(data / "log"), "start"], check=True, stdout=subprocess.DEVNULL, cwd="/"
        )
        try:
            yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL, cwd="/")
    finally:
        shutil.rmtree(data)


@pytest.fixture(scope="package")
def server(tmp_path_factory, database) -> Iterator[dict[str, str]]:
    """The environment of a client of a Prefect server that runs here, on PostgreSQL where that is installed."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    root = str(Path(__file__).parents[2])
    environment = os.environ | QUIET | {"PREFECT_HOME": str(folder / "prefect"), "PYTHONPATH": root}
    environment.pop("PREFECT_API_URL", None)
    own = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database} if database else {}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    log = folder / "server.log"
    with background(*command, environment=environment | own, log=log, folder=folder) as process:
        address = f"http://127.0.0.1:{port}/api"
        end = time.monotonic() + PATIENCE_S
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            try:
                if httpx.get(f"{address}/health").is_success:
                    break
            except httpx.HTTPError:
                time.sleep(0.5)
        yield environment | {"PREFECT_API_URL": address}


@pytest.fixture(scope="package")
def workplace(tmp_path_factory) -> Path:
    """The folder in which deployments are registered, and therefore work."""
    return tmp_path_factory.mktemp("workplace")


def bootstrap(server: dict[str, str], workplace: Path) -> list[str]:
    """What `python -m deployments.bootstrap` prints."""
    command = [sys.executable, "-m", "deployments.bootstrap"]
    done = subprocess.run(command, env=server, cwd=workplace, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="package")
def bootstrapped(server, workplace) -> list[str]:
    return bootstrap(server, workplace)
