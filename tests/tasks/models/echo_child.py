"""A child that does as it is told, for the tests of what holds every child."""

import os
import signal
import sys
import time

from tasks.models.child_process import serve
from tasks.settings.errors import UserError


def answer(request, tensors):
    match request["do"]:
        case "echo":
            print("a library that prints")  # noqa: T201
            return {"said": request["text"], "sums": {name: float(t.sum()) for name, t in tensors.items()}}
        case "refuse":
            raise UserError("this cannot be.")
        case "fail":
            raise KeyError("no\n  such thing")
        case "exit":
            sys.stderr.write("Traceback\nOSError: out of luck\n\n")
            sys.stderr.flush()
            os._exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "sleep":
            time.sleep(600)


if __name__ == "__main__":
    serve(answer)
