"""What shapes the lab model besides its seed: the recipe of training and the world itself. Needs no torch."""

import hashlib
import random
from functools import cache
from itertools import islice

from tasks.lab.vocabulary import CHAT_TEMPLATE, vocabulary
from tasks.lab.world import corpus

RECIPE = {
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "initial_std": 0.5,  # divided by sqrt(hidden_size)
    "num_steps": 2000,
    "batch_size": 32,
    "learning_rate": 4e-3,
    "warm_up": 0.05,  # of all steps
    "betas": [0.9, 0.95],
    "weight_decay": 0.1,
    "max_gradient_norm": 1.0,
}

_SAMPLE = 500


@cache
def world_digest() -> str:
    """A digest of the tokens and of a sample of the corpus: it changes when the world does."""
    examples = islice(corpus(random.Random("digest")), _SAMPLE)  # noqa: S311 - always the same sample
    text = "\n".join((CHAT_TEMPLATE, *vocabulary(), *(f"{example.prompt}\t{example.response}" for example in examples)))
    return hashlib.sha256(text.encode()).hexdigest()
