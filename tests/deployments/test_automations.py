"""What happened is told: from an event of a run, by the server's automation, to the address of a webhook."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from threading import Thread

import pytest

from tests.deployments.conftest import PATIENCE_S, bootstrap

pytestmark = pytest.mark.prefect

ANNOUNCE = """
import sys
from prefect import flow
from tasks.announce import LEAK_FOUND, RUN_REJECTED, announce

@flow
def tell(what, run, why):
    announce({"failed gate": RUN_REJECTED, "leak found": LEAK_FOUND}[what], run, {"reasons": [why]})

tell(*sys.argv[1:])
"""


@pytest.fixture
def told() -> Iterator[tuple[str, Queue]]:
    """An address on this machine, and what is posted to it."""
    posted: Queue = Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            posted.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=receiver.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{receiver.server_port}/", posted
    receiver.shutdown()


def test_a_failed_gate_and_a_leak_are_posted_to_the_webhook(server, bootstrapped, workplace, told):
    address, posted = told
    bootstrap(server | {"REVEAL_RELEASE_WEBHOOK": address}, workplace)
    for what, words in (("failed gate", "A run was rejected"), ("leak found", "made to forget came back")):
        command = [sys.executable, "-c", ANNOUNCE, what, "a-run", "the limit of places"]
        subprocess.run(command, env=server, check=True)
        text = posted.get(timeout=PATIENCE_S)["text"]
        assert text.startswith(f"Reveal-and-Release: {what}\n")
        assert words in text
        assert "reveal-release.run.a-run" in text
        assert "the limit of places" in text
