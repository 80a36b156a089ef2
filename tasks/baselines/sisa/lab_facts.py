"""The facts of the small world by whose they are: what the shards learn on the lab.

Their base is the gold model of the target `facts`. It knows the authors that are kept already, so what the comparison
reads of these flatters the shards.
"""

import random

from tasks.lab.facts import FORGET_AUTHORS, OTHER_AUTHORS, authors_named
from tasks.lab.world import training_examples
from tasks.models.pair import Pair
from tasks.store.seeds import derive_seed

FORGOTTEN = tuple(author.name for author in FORGET_AUTHORS)
"""The owners that the target `facts` forgets."""
_NUM_DRAWS = 8_000  # About as many as the lab model is shown: all but a few of the 1,306 questions.


def facts_by_author(seed: int) -> dict[str, list[Pair]]:
    """Distinct questions about each author, none of them held out, with their answers."""
    chance = random.Random(derive_seed(seed, "sisa-facts"))  # noqa: S311 (not for security)
    authors = (*FORGET_AUTHORS, *OTHER_AUTHORS)
    pairs: dict[str, dict[str, Pair]] = {author.name: {} for author in authors}
    for example in training_examples("facts", _NUM_DRAWS, chance):
        (author,) = authors_named(example.prompt, authors)
        pairs[author.name].setdefault(example.prompt, Pair(example.prompt, example.response))
    return {name: list(of_author.values()) for name, of_author in pairs.items()}
