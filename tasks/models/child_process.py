"""A child process that answers requests, one at a time, and does not outlive its parent.

Between the two go frames of JSON and safetensors, never a pickle. `ChildProcess` is the parent's end of it, `serve` the
child's.
"""

import ctypes
import json
import os
import signal
import struct
import subprocess
import sys
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory, TemporaryFile
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, NoReturn

from tasks.settings.errors import UserError

if TYPE_CHECKING:  # torch takes seconds to import; a child should listen at once
    from torch import Tensor

_LENGTHS = struct.Struct(">QQ")
_NO_TENSORS: "Mapping[str, Tensor]" = {}
_PR_SET_PDEATHSIG = 1
_DYING_S = 10  # from the end of its pipe to the end of a process
_ROOT = Path(__file__).parents[2]


class ChildError(RuntimeError):
    """The child failed at a request, or died; the message says how."""


class ChildProcess:
    """The parent's end. The child goes when this is closed or collected, and when the parent ends, however it ends.

    On Linux also when the thread that made it ends.
    """

    def __init__(self, module: str, *, environment: Mapping[str, str] = os.environ) -> None:
        """Start a Python process that runs `module`, which calls `serve`; nothing is waited for."""
        self._stderr = TemporaryFile()  # noqa: SIM115 - as long as the child; nobody else can open it
        scratch = TemporaryDirectory(prefix="reveal-release-")  # a child that is killed clears up nothing
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of ours
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=_ROOT,
            env={**environment, "TMPDIR": scratch.name},
        )
        self.close = weakref.finalize(self, _end, self._process, scratch)
        """End the child and wait until it is gone. May be called twice."""

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._process.pid

    def ask(self, request: Mapping[str, Any], tensors: "Mapping[str, Tensor]" = _NO_TENSORS) -> dict[str, Any]:
        """The child's answer.

        Raises:
            UserError: the child found that the request cannot be met.
            ChildError: the child failed at the request and is ready for the next, or it is dead.
        """
        assert self.close.alive, "closed"
        try:
            _write(self._process.stdin, request, tensors)
            frame = _read(self._process.stdout)
        except (BrokenPipeError, ValueError):  # it died, perhaps in the middle of an answer
            frame = None
        except BaseException:  # interrupted: the answer to this would be taken for the answer to the next
            self.close()
            raise
        if frame is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_DYING_S)
            self.close()
            raise ChildError(self._last_words())
        answer, _ = frame
        if "refusal" in answer:
            raise UserError(answer["refusal"])
        if "error" in answer:
            raise ChildError(answer["error"])
        return answer

    def _last_words(self) -> str:
        """How the child ended, and the last line it wrote."""
        code = self._process.returncode
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").split("\n")
        line = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"{how}: {line}" if line else how


def serve(answer: "Callable[[dict[str, Any], dict[str, Tensor]], Mapping[str, Any]]") -> NoReturn:
    """The child's end: answer request after request until the parent closes the pipe or is gone.

    What anything prints goes to stderr: stdout belongs to the answers.
    """
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    queue = SimpleQueue()
    Thread(target=_listen, args=(requests, queue), daemon=True).start()
    while True:
        request = queue.get()
        try:
            reply = answer(*request)
        except UserError as error:
            reply = {"refusal": str(error)}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"}
        _write(answers, reply, _NO_TENSORS)


def _listen(requests: IO[bytes], queue: SimpleQueue) -> None:
    """Hear the end of the pipe even while a request is being answered."""
    while frame := _read(requests):
        queue.put(frame)
    os._exit(0)


def _write(stream: IO[bytes], content: Mapping[str, Any], tensors: "Mapping[str, Tensor]") -> None:
    text, blob = json.dumps(content).encode(), b""
    if tensors:
        from safetensors.torch import save

        blob = save({name: tensor.contiguous() for name, tensor in tensors.items()})
    stream.write(_LENGTHS.pack(len(text), len(blob)) + text + blob)
    stream.flush()


def _read(stream: IO[bytes]) -> "tuple[dict[str, Any], dict[str, Tensor]] | None":
    """The next frame; None at the end of the stream."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    text, blob = (stream.read(length) for length in _LENGTHS.unpack(lengths))
    if not blob:
        return json.loads(text), {}
    from safetensors.torch import load

    return json.loads(text), load(blob)


def _end(process: subprocess.Popen, scratch: TemporaryDirectory) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(BrokenPipeError):
            pipe.close()
    scratch.cleanup()
