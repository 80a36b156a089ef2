"""The inmate that runs a program and answers calls to its function. Standard library only.

Everything it says is the program's word: whatever runs in one process with the program can be changed by it.
"""

import sys
from types import SimpleNamespace

from tasks.sandbox.frames import FrameError, receive, send
from tasks.sandbox.plain_values import from_json, to_json


def run_program(*, source: str, entry_point: str, calls: int, answers: int, message_bytes: int) -> None:
    """Run the program, say how that went, then answer calls until no more come.

    Args:
        source: The program.
        entry_point: Name of the function that is called; empty: none.
        calls: File descriptor to read ``{"args", "kwargs"}`` from.
        answers: File descriptor to write ``{"value"}`` or ``{"raised"}`` to; the first answer is to the program itself.
        message_bytes: Longest call or answer.
    """
    own = SimpleNamespace(send=send, receive=receive, to_json=to_json, from_json=from_json, flush=sys.stdout.flush)
    namespace = {"__name__": "program"}
    try:
        exec(compile(source, "program.py", "exec"), namespace)  # noqa: S102 - what the jail is for
        function = namespace[entry_point] if entry_point else None
    except BaseException as error:
        own.send(answers, {"raised": _said(error)})
        return
    own.send(answers, {"value": None})
    while function is not None:
        try:
            call = own.receive(calls, most=message_bytes)
        except FrameError:
            return
        try:
            args, kwargs = own.from_json(call["args"]), own.from_json(call["kwargs"])
            answer = {"value": own.to_json(function(*args, **kwargs))}
        except BaseException as error:
            answer = {"raised": _said(error)}
        own.flush()
        own.send(answers, answer)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
