"""Measure one checkpoint: what it still shows of the target, what it kept, how it writes, how deep the forgetting is.

A greedy forget metric falls to 0 as soon as the first token of an answer is blocked, so it is never read alone: beside
it stand the NLL of the true answers, success when their first tokens are given, and sampling at temperature 1.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from tasks.assess.repetition import repetition
from tasks.assess.scores import Scores
from tasks.models.language_model import LanguageModel
from tasks.models.likelihood import nll_per_token, perplexity, response_prefix
from tasks.models.pair import Pair
from tasks.models.quantisation import SCHEMES, quantised
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.target import Split, Target


def measure(
    checkpoint: Checkpoint,
    target: Target,
    split: Split,
    *,
    kept: Sequence[Pair],
    revealed: Sequence[Pair],
    prefill_tokens: int,
) -> Scores:
    """Scores of a checkpoint on one split of a target.

    Args:
        checkpoint: What is measured.
        target: What is to be forgotten.
        split: Whose prompts are used.
        kept: Held-out pairs for perplexity.
        revealed: Held-out pairs that the model itself revealed; empty before the reveal.
        prefill_tokens: Answer tokens given in the prefill probe.
    """
    lm, batch_size = checkpoint.lm, checkpoint.batch_size
    skills = [metric for metric in (target.forget, *target.utility) if not metric.measure]
    answers_seen = [answer for metric in skills for answer in checkpoint.answers(metric, split)]

    forget, examples = checkpoint.value(target.forget, split), target.forget.examples[split]
    true_pairs = [Pair(example.prompt, example.response) for example in examples if example.response]
    prefill = sampled = None
    if true_pairs:
        prefixes = [response_prefix(lm, pair, prefill_tokens) for pair in true_pairs]
        prefill = target.forget.score(examples, checkpoint.continued(target.forget, split, prefixes))
        sampled = target.forget.score(examples, checkpoint.answers(target.forget, split, temperature=1.0))

    return Scores(
        forget=forget,
        utility={metric.name: checkpoint.value(metric, split) for metric in target.utility},
        observed={metric.name: checkpoint.value(metric, split) for metric in target.observed},
        perplexity=perplexity(lm, kept, batch_size=batch_size),
        repetition=repetition(answers_seen),
        forget_nll=_mean_nll(lm, true_pairs, batch_size),
        own_nll=_mean_nll(lm, revealed, batch_size),
        prefill=prefill,
        sampled=sampled,
        num={metric.name: len(metric.examples[split]) for metric in (*target.utility, *target.observed)}
        | {"forget": len(examples), "perplexity": len(kept), "own_nll": len(revealed), "answers": len(answers_seen)},
    )


def measure_rounded(
    checkpoint: Checkpoint, target: Target, split: Split, scheme: str, *, watched: Collection[str] = ()
) -> dict[str, Any]:
    """`forget`, `utility` and, where something is, `watched` as in `measure`, of a checkpoint with rounded weights.

    Args:
        checkpoint: Its weights are left as they are.
        target: What is to be forgotten.
        split: Whose prompts are used.
        scheme: Of `SCHEMES`.
        watched: Names of the observed metrics that are measured as well: a limit holds for them.
    """
    with quantised(checkpoint.lm.model, SCHEMES[scheme]):
        rounded = replace(checkpoint)  # without the answers of the weights as they were
        shown = {metric.name: rounded.value(metric, split) for metric in target.observed if metric.name in watched}
        kept = {metric.name: rounded.value(metric, split) for metric in target.utility}
        forget = rounded.value(target.forget, split)
    return {"forget": forget, "utility": kept} | ({"watched": shown} if shown else {})


def _mean_nll(lm: LanguageModel, pairs: Sequence[Pair], batch_size: int) -> float | None:
    return float(nll_per_token(lm, pairs, batch_size=batch_size).mean()) if pairs else None
