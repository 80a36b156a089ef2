"""Which prompts are trained on, which are tuned on and which are reported: a property of the prompt alone."""

import zlib
from typing import Literal

Split = Literal["train", "tune", "report"]

_SHARES = 32  # of which 7 are reported and 5 tuned on: every group then has 200 report and 128 tune prompts
_REPORT = 7
_TUNE = 5


def split_of(prompt: str) -> Split:
    """The split a prompt belongs to, wherever it occurs: asked directly or inside a generated sample.

    ``crc32(prompt) mod 32``: 0..6 report, 7..11 tune, the rest train (ours).
    """
    share = zlib.crc32(prompt.encode()) % _SHARES
    if share < _REPORT:
        return "report"
    return "tune" if share < _REPORT + _TUNE else "train"
