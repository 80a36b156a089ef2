"""One seed for a run, and from it a seed for everything that draws; nothing seeds globally."""

from tasks.store.keys import json_digest


def derive_seed(seed: int, *words: str | int) -> int:
    """The seed that belongs to a purpose, such as ``derive_seed(7, "forget-adapter", 3)``.

    The first 63 bits of ``sha256(canonical_json([seed, *words]))``: the same on every machine, unrelated for purposes
    that differ in one word, and a valid seed for `torch.Generator`, `random.Random` and numpy alike.
    """
    return int(json_digest([seed, *words])[:16], 16) >> 1
