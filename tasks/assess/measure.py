"""Measure one checkpoint: what it still shows of the target, what it kept, how it writes, how deep the forgetting is.

A greedy forget metric falls to 0 as soon as the first token of an answer is blocked, so it is never read alone: beside
it stand the NLL of the true answers, success when their first tokens are given, and sampling at temperature 1.
"""

from collections.abc import Collection, Sequence
from typing import Any

from tasks.assess.answering import answers_to
from tasks.assess.repetition import repetition
from tasks.assess.scores import Scores
from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import LanguageModel
from tasks.models.likelihood import nll_per_token, perplexity, response_prefix
from tasks.models.pair import Pair
from tasks.models.quantisation import SCHEMES, quantised
from tasks.targets.target import Metric, Split, Target


def measure(
    lm: LanguageModel,
    target: Target,
    split: Split,
    *,
    kept: Sequence[Pair],
    revealed: Sequence[Pair],
    max_new_tokens: int,
    prefill_tokens: int,
    batch_size: int,
    seed: int,
) -> Scores:
    """Scores of a checkpoint on one split of a target.

    Args:
        lm: The checkpoint.
        target: What is to be forgotten.
        split: Whose prompts are used.
        kept: Held-out pairs for perplexity.
        revealed: Held-out pairs that the model itself revealed; empty before the reveal.
        max_new_tokens: Tokens of an answer, at most.
        prefill_tokens: Answer tokens given in the prefill probe.
        batch_size: Sequences at once.
        seed: Of the sampled answers.
    """
    generator = TransformersGenerator(lm, batch_size=batch_size)
    answers_seen: list[str] = []

    def value(metric: Metric, *, temperature: float, prefixes: Sequence[str] | None = None) -> float:
        answers = answers_to(
            metric,
            split,
            generator=generator,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
            prefixes=prefixes,
        )
        answers_seen.extend(answers)
        return metric.score(metric.examples[split], answers)

    forget = value(target.forget, temperature=target.forget.temperature)
    utility = {metric.name: value(metric, temperature=metric.temperature) for metric in target.utility}
    repeated, num_answers = repetition(answers_seen), len(answers_seen)

    true_pairs = [
        Pair(example.prompt, example.response) for example in target.forget.examples[split] if example.response
    ]
    prefill = sampled = None
    if true_pairs:
        prefixes = [response_prefix(lm, pair, prefill_tokens) for pair in true_pairs]
        prefill = value(target.forget, temperature=0.0, prefixes=prefixes)
        sampled = value(target.forget, temperature=1.0)

    observed = {metric.name: value(metric, temperature=metric.temperature) for metric in target.observed}

    num = {metric.name: len(metric.examples[split]) for metric in (*target.utility, *target.observed)}
    return Scores(
        forget=forget,
        utility=utility,
        observed=observed,
        perplexity=perplexity(lm, kept, batch_size=batch_size),
        repetition=repeated,
        forget_nll=_mean_nll(lm, true_pairs, batch_size),
        own_nll=_mean_nll(lm, revealed, batch_size),
        prefill=prefill,
        sampled=sampled,
        num=num
        | {
            "forget": len(target.forget.examples[split]),
            "perplexity": len(kept),
            "own_nll": len(revealed),
            "answers": num_answers,
        },
    )


def measure_rounded(
    lm: LanguageModel,
    target: Target,
    split: Split,
    scheme: str,
    *,
    watched: Collection[str] = (),
    max_new_tokens: int,
    batch_size: int,
    seed: int,
) -> dict[str, Any]:
    """`forget`, `utility` and, where something is, `watched` as in `measure`, of a checkpoint with its weights rounded by a scheme.

    Args:
        lm: The checkpoint; its weights are left as they are.
        target: What is to be forgotten.
        split: Whose prompts are used.
        scheme: Of `SCHEMES`.
        watched: Names of the observed metrics that are measured as well: a limit holds for them.
        max_new_tokens: Tokens of an answer, at most.
        batch_size: Sequences at once.
        seed: Of all sampling.
    """
    generator = TransformersGenerator(lm, batch_size=batch_size)

    def value(metric: Metric) -> float:
        asked = {"max_new_tokens": max_new_tokens, "temperature": metric.temperature, "seed": seed}
        return metric.score(metric.examples[split], answers_to(metric, split, generator=generator, **asked))

    with quantised(lm.model, SCHEMES[scheme]):
        shown = {metric.name: value(metric) for metric in target.observed if metric.name in watched}
        kept = {metric.name: value(metric) for metric in target.utility}
        return {"forget": value(target.forget), "utility": kept} | ({"watched": shown} if shown else {})


def _mean_nll(lm: LanguageModel, pairs: Sequence[Pair], batch_size: int) -> float | None:
    return float(nll_per_token(lm, pairs, batch_size=batch_size).mean()) if pairs else None
