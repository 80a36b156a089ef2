"""A server on loopback that knows the three requests we make of OpenAI's protocol, and misbehaves when told to."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, Thread


class FakeServer(ThreadingHTTPServer):
    """Each completion is the word `5 + seed % 100`, then an end token.

    Attributes:
        models: What it serves.
        key: The API key it wants; none by default.
        token_ids: Whether it gives token ids.
        failures: What it answers first, a status each; 0 hangs up.
        together: Requests that must be under way at once before any is answered.
        bodies: What was asked for.
        chat: What it says, by the last message.
        usage: Tokens it says a chat took; none by default.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.models, self.key, self.token_ids = ["tiny"], "", True
        self.failures: list[int] = []
        self.together: Barrier | None = None
        self.bodies: list[dict] = []
        self.chat: Callable[[str], str] = lambda message: "yes"
        self.usage: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: FakeServer

    def do_GET(self):
        if self.path == "/v1/models":
            self._answer({"data": [{"id": name} for name in self.server.models]})
        else:
            self._send(404, {"detail": "Not Found"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        if self.server.together:
            self.server.together.wait(timeout=10)
        if self.path.endswith("/chat/completions"):
            said = self.server.chat(body["messages"][-1]["content"])
            usage = {"usage": self.server.usage} if self.server.usage else {}
            self._answer({"choices": [{"message": {"role": "assistant", "content": said}}], **usage})
            return
        word = 5 + body["seed"] % 100
        choice = {"text": f" word{word} ", "finish_reason": "stop"}
        if self.server.token_ids:
            choice["token_ids"] = [word, body["stop_token_ids"][0]]
        self._answer({"choices": [choice]})

    def _answer(self, content: dict) -> None:
        if self.server.failures:
            status = self.server.failures.pop(0)
            if status:
                self._send(status, {"error": {"message": "no\n such luck"}})
        elif self.server.key and self.headers.get("Authorization") != f"Bearer {self.server.key}":
            self._send(401, {"error": "Unauthorized"})
        else:
            self._send(200, content)

    def _send(self, status: int, content: dict) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@contextmanager
def fake_server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()
