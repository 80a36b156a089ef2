"""What open-unlearning's evaluation wrote of a model that was never trained on the forget set.

Its ``TOFU_EVAL.json`` maps metrics to ``agg_value`` and ``value_by_index``.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from tasks.settings.errors import UserError, reason
from tasks.targets.knowledge.formulas import AUC_BY_CHANCE

RATIOS, MEMBERSHIP = "forget_truth_ratio", "mia_min_k"


@dataclass(frozen=True)
class RetainLog:
    """The retain model's numbers.

    Attributes:
        ratios: Truth ratio of each question of the forget set, in order.
        auc: Membership by min-k% with k = 40; that of chance where the log has none.
    """

    ratios: Sequence[float]
    auc: float


def read_retain_log(path: str, num_questions: int) -> RetainLog:
    """Read the log of a retain model.

    Args:
        path: Of ``TOFU_EVAL.json``.
        num_questions: Of the forget set; the log must be of the same.

    Raises:
        UserError: the file cannot be read, has no truth ratios, or is of another forget set.
    """
    try:
        log = json.loads(Path(path).read_text(encoding="utf-8"))
        by_index = log[RATIOS]["value_by_index"]
        ratios = [float(by_index[str(index)]["score"]) for index in range(len(by_index))]
        auc = float(log[MEMBERSHIP]["agg_value"]) if MEMBERSHIP in log else AUC_BY_CHANCE
        if not all(map(isfinite, (*ratios, auc))):
            raise ValueError("a number is not finite")
        if min(ratios, default=0) < 0 or not 0 <= auc <= 1:
            raise ValueError("a ratio is negative, or an area is none of 0 to 1")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"target.retain_log_file: {path!r} is not a log of open-unlearning's evaluation with {RATIOS} "
            f"({reason(error)}); give the TOFU_EVAL.json of a retain model."
        ) from None
    if len(ratios) != num_questions:
        raise UserError(
            f"target.retain_log_file: {path!r} has truth ratios of {len(ratios)} questions, but the forget set has "
            f"{num_questions}; give the log of a retain model on the same forget set."
        )
    return RetainLog(ratios, auc)
