"""Several commands in one process, in which Prefect's server starts once; prints `[code, out, err]` of each as JSON."""

import contextlib
import io
import json
import sys
from importlib import import_module

MODULES = {
    "main": "flows.command",
    "reveal_command": "flows.command",
    "assess_command": "flows.command",
    "release_command": "flows.release_command",
    "reunlearn_command": "flows.reunlearn_command",
}

if __name__ == "__main__":
    for name, *arguments in json.loads(sys.argv[1]):
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            code = getattr(import_module(MODULES[name]), name)(arguments)
        print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)  # noqa: T201
