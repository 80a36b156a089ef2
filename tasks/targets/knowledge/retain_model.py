"""The log of a retain model, written here: what `retain_log` reads of open-unlearning's evaluation."""

import json
from collections.abc import Sequence
from pathlib import Path

from tasks.models.language_model import LanguageModel
from tasks.models.membership import membership
from tasks.targets.knowledge.formulas import ratios_of_forgotten
from tasks.targets.knowledge.published import ATTACK_OF_PRIVLEAK, likelihoods
from tasks.targets.knowledge.questions import Question
from tasks.targets.knowledge.retain_log import MEMBERSHIP, RATIOS


def write_retain_log(
    path: Path, lm: LanguageModel, questions: Sequence[Question], others: Sequence[Question] = (), *, batch_size: int
) -> None:
    """Write the truth ratios of a model and, where there are others, membership by min-k% with k = 40.

    Args:
        path: To be written, e.g. ``TOFU_EVAL.json``.
        lm: A model that never learned the answers.
        questions: The whole forget set, each with wrong answers.
        others: Of the same kind, which no model saw.
        batch_size: Sequences at once.
    """
    ratios = [one.truth_ratio for one in likelihoods(lm, questions, batch_size=batch_size)]
    by_index = {str(question.index): {"score": ratio} for question, ratio in zip(questions, ratios, strict=True)}
    log = {RATIOS: {"agg_value": ratios_of_forgotten(ratios), "value_by_index": by_index}}
    if others:
        members, unseen = ([question.pair for question in some] for some in (questions, others))
        areas = membership(lm, members, unseen, batch_size=batch_size)
        log[MEMBERSHIP] = {"agg_value": areas[ATTACK_OF_PRIVLEAK]}
    path.write_text(json.dumps(log), encoding="utf-8")
