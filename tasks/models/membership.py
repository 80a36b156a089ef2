"""Membership inference: do the likelihoods of a model tell what it was made to forget from what it never saw?

Four scores of a text, each higher where the text looks more like one that the model was trained on:

    loss      minus the mean NLL of its tokens                            Yeom et al., arXiv:1709.01604
    min_k     mean log-likelihood of the k% of its tokens that are least likely      Shi et al., arXiv:2310.16789
    zlib      minus the mean NLL, divided by the bytes of the zlib-compressed text   Carlini et al., arXiv:2012.07805
"""

import zlib
from collections.abc import Callable, Mapping, Sequence

from sklearn.metrics import roc_auc_score
from torch import Tensor

from tasks.models.language_model import LanguageModel
from tasks.models.likelihood import token_nlls
from tasks.models.pair import Pair


def loss_score(nlls: Tensor) -> float:
    """Minus the mean NLL of a text's tokens, whose NLLs are given, shape `(tokens,)`."""
    return -float(nlls.mean())


def min_k_score(nlls: Tensor, k: int) -> float:
    """Mean log-likelihood of the least likely k percent of a text's tokens: rounded down, and at least one token."""
    num_tokens = max(1, len(nlls) * k // 100)
    return -float(nlls.topk(num_tokens).values.mean())


def zlib_score(nlls: Tensor, text: str) -> float:
    """Minus the mean NLL, over the bytes of the compressed text: what is likely because it is simple counts less."""
    return loss_score(nlls) / len(zlib.compress(text.encode()))


SCORES: Mapping[str, Callable[[Tensor, str], float]] = {
    "loss": lambda nlls, text: loss_score(nlls),
    "min_20": lambda nlls, text: min_k_score(nlls, 20),
    "min_40": lambda nlls, text: min_k_score(nlls, 40),
    "zlib": zlib_score,
}


def membership(
    lm: LanguageModel, members: Sequence[Pair], others: Sequence[Pair], *, batch_size: int
) -> dict[str, float]:
    """How well each score tells members from others: area under the ROC curve, in [0, 1].

    The scores are of the responses, given their prompts. An area of .5 tells nothing. One far below .5 tells as much
    as one far above: members that were made less likely than texts the model never saw are known by that. Where the two
    groups also differ in kind, a model that saw neither is what to compare with.

    Args:
        lm: The model.
        members: Pairs that the model was made to forget; at least one, as of the others.
        others: Pairs of the same kind that it was neither trained on nor made to forget.
        batch_size: Pairs read at once.
    """
    pairs = [*members, *others]
    nlls = token_nlls(lm, pairs, batch_size=batch_size)
    is_member = [True] * len(members) + [False] * len(others)
    return {
        name: float(roc_auc_score(is_member, [score(n, pair.response) for n, pair in zip(nlls, pairs, strict=True)]))
        for name, score in SCORES.items()
    }
