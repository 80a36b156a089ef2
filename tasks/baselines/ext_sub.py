"""Ext-Sub: of the forget update only what an update on kept data does not share is subtracted, in one step.

Hu et al., "Separate the Wheat from the Chaff: Model Deficiency Unlearning via Parameter-Efficient Module Operation",
arXiv:2308.08090.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from tasks.baselines.method import Knob, Method, Progress, Spent
from tasks.baselines.negation import LEARNING_RATE, SCALE, UPDATES, add_updates, trained
from tasks.models.language_model import LanguageModel
from tasks.models.pair import Pair
from tasks.release.adapter import Adapter, Factors
from tasks.release.merge import Update
from tasks.store.seeds import derive_seed


def unlearn(
    lm: LanguageModel,
    forget: Sequence[Pair],
    retain: Sequence[Pair],
    knobs: Mapping[str, float],
    *,
    batch_size: int,
    seed: int,
    progress: Progress | None = None,
) -> Spent:
    """Both updates are trained from the untouched model, and combined row by row; see `extracted`."""

    def half(first: float) -> Progress | None:
        return (lambda share, words: progress(first + share / 2, words)) if progress else None

    expert, anti_expert = (
        trained(lm, pairs, knobs, batch_size=batch_size, seed=derive_seed(seed, kind), progress=half(first))
        for kind, pairs, first in (("retain", retain, 0.0), ("forget", forget, 0.5))
    )
    update = extracted(expert, anti_expert, strength=knobs["strength"])
    add_updates(lm, [Update(update, knobs["scale"])])
    updates = int(knobs["updates"])
    return Spent(2 * updates, updates * sum(min(batch_size, len(pairs)) for pairs in (forget, retain)))


def extracted(expert: Adapter, anti_expert: Adapter, *, strength: float) -> Adapter:
    """Row by row of every layer `w = (1 + a |n| / (2 |e|)) e - (a / 2) n`, as one adapter of twice the rank, exactly.

    e is a row of the expert's update, n that of the anti-expert's; a row that the expert leaves at zero is `-(a/2) n`.

    Args:
        expert: Trained on what is kept.
        anti_expert: Trained on what is to be forgotten, on the same layers.
        strength: a, at least 0.
    """
    factors = {}
    for name, (A_e, B_e) in expert.factors.items():
        A_n, B_n = anti_expert.factors[name]
        scaled_e, scaled_n = expert.scale * B_e, anti_expert.scale * B_n
        sizes_e, sizes_n = row_norms(A_e, scaled_e), row_norms(A_n, scaled_n)
        ratio = torch.where(sizes_e > 0, sizes_n / sizes_e, 0.0)
        B = torch.cat([(1 + strength / 2 * ratio)[:, None] * scaled_e, -strength / 2 * scaled_n], dim=1)
        factors[name] = Factors(torch.cat([A_e, A_n]), B)
    return Adapter(factors, alpha=expert.rank + anti_expert.rank)


def row_norms(A: Tensor, B: Tensor) -> Tensor:
    """Euclidean norms of the rows of `B A`, which is not formed; `(out,)`."""
    return ((B @ (A @ A.T)) * B).sum(dim=1).clamp(min=0).sqrt()


EXT_SUB = Method(
    "ext-sub",
    "Ext-Sub",
    "arXiv:2308.08090",
    (LEARNING_RATE, UPDATES, Knob("strength", 0.5, 4), SCALE),
    unlearn,
)
