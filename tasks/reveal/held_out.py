"""Which forget pairs are never trained on, so that the release can see whether it reaches beyond what it trained on."""

import hashlib
import math
from collections.abc import Iterable

from tasks.reveal.harvest import normalised


def held_out_prompts(prompts: Iterable[str], share: float) -> set[str]:
    """The normalised prompts whose pairs are held out: those with the lowest hashes, at least one of any two.

    By prompt, not by pair: no prompt is both trained on and measured. By rank, not by threshold (ours): a forget set of
    a few prompts has a held-out part too.

    Args:
        prompts: Of all pairs; repeats count once.
        share: Of the distinct prompts, in [0, 1); rounded up, and one prompt always remains to be trained on.
    """
    distinct = sorted({normalised(prompt) for prompt in prompts}, key=_hash)
    num = min(math.ceil(share * len(distinct)), max(0, len(distinct) - 1))
    return set(distinct[:num])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
