"""The child process of `FunctionScorer`: imports the user's module and calls its function."""

import importlib
import math
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.models.child_process import serve
from tasks.settings.errors import UserError

SINGLE_PRECISION = 1e-6


class _Answerer:
    def __init__(self) -> None:
        self._name = ""
        self._function: Callable[[list[str], list[str]], Any] | None = None

    def __call__(self, request: dict[str, Any], _: object) -> dict[str, Any]:
        if "function" in request:
            os.chdir(request["folder"])
            sys.path[:] = request["path"]
            self._name = request["function"]
            self._function = _import(self._name)
        elif request:
            return {"scores": self._scores(request["prompts"], request["responses"])}
        return {}

    def _scores(self, prompts: list[str], responses: list[str]) -> list[float]:
        try:
            returned = self._function(prompts, responses)
        except BaseException as error:
            raise UserError(self._raised(error)) from None
        try:
            values = None if isinstance(returned, str | dict) else [_rounded(float(value)) for value in returned]
        except Exception:
            values = None
        if values is None:
            raise UserError(self._returned(f"a {type(returned).__name__}"))
        if len(values) != len(responses):
            raise UserError(self._returned(f"{len(values)} scores for {len(responses)} texts"))
        for value in values:
            if not (math.isfinite(value) and 0 <= value <= 1):
                raise UserError(self._returned(f"the score {value:g}"))
        return values

    def _raised(self, error: BaseException) -> str:
        """Where it failed, without the message, which may show the text that was judged."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        return f"The scorer {self._name} raised {type(error).__name__} at {where}; mend it, or choose another scorer."

    def _returned(self, what: str) -> str:
        return f"The scorer {self._name} returned {what}; it must return a list, a number from 0 to 1 for each text."


def _rounded(score: float) -> float:
    """0 or 1 where single precision missed it."""
    nearest = min(max(score, 0.0), 1.0)
    return nearest if abs(score - nearest) < SINGLE_PRECISION else score


def _import(function: str) -> Callable[[list[str], list[str]], Any]:
    module, _, name = function.partition(":")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except BaseException as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200].rstrip(".: ")
        raise UserError(f"The scorer {function} cannot be imported ({reason}).") from None
    if not callable(found):
        raise UserError(f"The scorer {function} cannot be had: the module has no function {name}.")
    return found


if __name__ == "__main__":
    os.setsid()  # So that all that the function starts can be killed with it.
    serve(_Answerer())
