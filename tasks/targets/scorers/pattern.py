"""A scorer by a regular expression, which may be a stranger's: neither compiling nor matching it can hang the run."""

import subprocess
import sys
from collections.abc import Sequence

import regex

from tasks.settings.errors import UserError

MATCH_LIMIT_S = 1.0
"""For one response; a pattern that backtracks without end reaches it."""
COMPILE_LIMIT_S = 10
COMPILE_LIMIT_MIB = 512
MOST_CHARACTERS = 4000
"""Of a pattern."""

# Counted repeats are written out when a pattern is compiled, and `regex` bounds neither time nor memory of that.
_TRIAL = f"""
import resource, sys
import regex
sys.setrecursionlimit(500)
resource.setrlimit(resource.RLIMIT_AS, ({COMPILE_LIMIT_MIB} * 2**20,) * 2)
try:
    regex.compile(sys.stdin.buffer.read().decode("utf-8", "surrogatepass"))
except regex.error as error:
    sys.exit(str(error))
except (MemoryError, RecursionError):
    sys.exit("it is too large")
"""


class PatternScorer:
    """1 for a response in which the pattern is found, 0 for any other.

    Args:
        pattern: As Python's `re` reads it, `(?i)` for any case included; the module `regex` matches it, which knows a
            time limit.
        match_limit_s: Seconds of processor time for one response.

    Raises:
        UserError: the pattern is no regular expression, too large to compile, or found in the empty text; in a call:
            a response takes longer than the limit.
    """

    def __init__(self, pattern: str, *, match_limit_s: float = MATCH_LIMIT_S):
        if trouble := _trouble(pattern):
            raise UserError(f"The pattern {_shown(pattern)} cannot be used ({trouble}); give a regular expression.")
        self._pattern = regex.compile(pattern)
        self._shown = _shown(pattern)
        self._match_limit_s = match_limit_s
        if any(self([""], [""])):
            raise UserError(
                f"The pattern {self._shown} is found in the empty text, so in any; give one that needs a character."
            )

    def __call__(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        """See `Scorer`."""
        return [float(bool(self._matches(response))) for response in responses]

    def spans(self, response: str) -> list[tuple[int, int]]:
        """Where the pattern is found: start and end of each match but empty ones, such as of looking ahead."""
        return [(start, end) for start, end in self._matches(response) if start < end]

    def _matches(self, response: str) -> list[tuple[int, int]]:
        try:
            return [match.span() for match in self._pattern.finditer(response, timeout=self._match_limit_s)]
        except TimeoutError:
            raise UserError(
                f"The pattern {self._shown} took longer than {self._match_limit_s:g} s on a text of {len(response)} "
                "characters; write it without repeats inside of repeats."
            ) from None


def _trouble(pattern: str) -> str:
    """Why a pattern cannot be compiled, found out in a process with limits; empty where it can."""
    if not 0 < len(pattern) <= MOST_CHARACTERS:
        return f"it has {len(pattern)} characters, of at most {MOST_CHARACTERS}"
    command = [sys.executable, "-I", "-c", _TRIAL]
    try:
        trial = subprocess.run(  # noqa: S603 (a program of ours; the pattern is its input)
            command,
            input=pattern.encode("utf-8", "surrogatepass"),
            capture_output=True,
            timeout=COMPILE_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"compiling it takes more than {COMPILE_LIMIT_S} s"
    return " ".join(trial.stderr.decode(errors="replace").split())[:200] if trial.returncode else ""


def _shown(pattern: str) -> str:
    return repr(pattern if len(pattern) <= 60 else pattern[:57] + "...")
