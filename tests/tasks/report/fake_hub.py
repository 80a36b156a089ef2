"""A hub on loopback: as much of the Hugging Face hub's HTTP as a push takes (no Xet), and what came in."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import huggingface_hub.constants
import pytest


class FakeHub(ThreadingHTTPServer):
    """One repository.

    Attributes:
        token: Without it nothing is answered.
        private: Whether the repository is; None: it is not there yet.
        files: What it holds.
        commits: Names of each commit's files.
        failure: A status that a commit is answered with.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token, self.failure = "hf_invented", 0
        self.private: bool | None = None
        self.files: dict[str, bytes] = {}
        self.large: dict[str, bytes] = {}
        self.commits: list[list[str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_GET(self):
        self._body()
        if not self._known():
            return
        if "/tree/" in self.path:
            self._send(200, [{"type": "file", "path": name, "size": 1, "oid": "0"} for name in self.server.files])
        elif self.server.private is None:
            self._send(404, {"error": "Repository not found"})
        else:
            self._send(200, {"id": "me/model", "private": self.server.private, "siblings": [], "tags": []})

    def do_PUT(self):
        content = self._body()
        self.server.large[hashlib.sha256(content).hexdigest()] = content
        self._send(200, {})

    def do_POST(self):
        body = self._body()
        if not self._known():
            return
        match self.path.partition("?")[0].strip("/").split("/"):
            case ["api", "repos", "create"]:
                is_new = self.server.private is None
                if is_new:
                    self.server.private = json.loads(body)["visibility"] == "private"
                self._send(200 if is_new else 409, {"url": f"{self.server.url}/me/model", "error": "it is there"})
            case ["api", "validate-yaml"]:
                self._send(200, {"warnings": [], "errors": []})
            case [*_, "preupload", "main"]:
                modes = [
                    {"path": f["path"], "uploadMode": "lfs" if f["path"].endswith(".safetensors") else "regular"}
                    for f in json.loads(body)["files"]
                ]
                self._send(200, {"files": [mode | {"shouldIgnore": False, "oid": None} for mode in modes]})
            case [*_, "objects", "batch"]:
                found = [
                    one | {"actions": {"upload": {"href": f"{self.server.url}/large"}}}
                    for one in json.loads(body)["objects"]
                ]
                self._send(200, {"transfer": "basic", "objects": found})
            case [*_, "commit", "main"]:
                self._commit([json.loads(line) for line in body.splitlines()])

    def _commit(self, lines: list[dict]) -> None:
        if self.server.failure:
            self._send(self.server.failure, {"error": "no\n such luck"})
            return
        for line in lines:
            value = line["value"]
            match line["key"]:
                case "file":
                    self.server.files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    self.server.files[value["path"]] = self.server.large[value["oid"]]
                case "deletedFile":
                    del self.server.files[value["path"]]
        self.server.commits.append([line["value"]["path"] for line in lines if "path" in line["value"]])
        self._send(200, {"commitUrl": f"{self.server.url}/me/model/commit/1", "commitOid": "1", "success": True})

    def _known(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {self.server.token}":
            return True
        self._send(401, {"error": "Invalid username or password."})
        return False

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _send(self, status: int, content) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@contextmanager
def fake_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """The hub that huggingface_hub speaks to within the block."""
    with FakeHub() as hub:
        Thread(target=hub.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        yield hub
        hub.shutdown()
