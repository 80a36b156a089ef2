"""The numbers of TOFU and open-unlearning for one checkpoint, as `Details` report them; see `formulas`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from tasks.models.language_model import LanguageModel
from tasks.models.likelihood import greedy_hits, nll_per_token_with_end
from tasks.models.membership import membership
from tasks.models.pair import Pair
from tasks.targets.details import Detail
from tasks.targets.knowledge import formulas
from tasks.targets.knowledge.questions import Question
from tasks.targets.knowledge.recall import mean_rouge
from tasks.targets.knowledge.retain_log import RetainLog

ATTACK_OF_PRIVLEAK = "min_40"


@dataclass(frozen=True)
class Likelihoods:
    """Mean NLL a token of the answers to one question, end token included, in nats."""

    true: float
    paraphrased: float
    wrong: Sequence[float]

    @property
    def truth_ratio(self) -> float:
        """See `formulas.truth_ratio`."""
        return formulas.truth_ratio(self.paraphrased, self.wrong)


def likelihoods(lm: LanguageModel, questions: Sequence[Question], *, batch_size: int) -> list[Likelihoods]:
    """How likely a model finds the answers to each question."""
    pairs = [p for question in questions for p in (question.pair, question.paraphrased_pair, *question.wrong_pairs)]
    nlls = iter(nll_per_token_with_end(lm, pairs, batch_size=batch_size).tolist())
    return [Likelihoods(next(nlls), next(nlls), [next(nlls) for _ in question.wrong]) for question in questions]


def forgotten_numbers(
    lm: LanguageModel,
    questions: Sequence[Question],
    answers: Sequence[str],
    *,
    batch_size: int,
    retain_log: RetainLog | None,
) -> dict[str, Detail]:
    """Of the questions whose answers are to be forgotten; truth ratio and forget quality where they have wrong answers.

    Args:
        lm: The model.
        questions: At least one.
        answers: The model's, greedy, one a question.
        batch_size: Sequences at once.
        retain_log: Of a model that never learned the answers; none, and forget quality is left out.
    """
    read = likelihoods(lm, questions, batch_size=batch_size)
    hits = [one.tolist() for one in greedy_hits(lm, [q.pair for q in questions], batch_size=batch_size)]
    n = len(questions)
    numbers = {
        "forget probability": Detail(fmean(formulas.probability(one.true) for one in read), "lower", n),
        "forget ROUGE-L recall": Detail(mean_rouge(questions, answers), "lower", n),
        "extraction strength": Detail(fmean(map(formulas.extraction_strength, hits)), "lower", n),
        "extraction strength as open-unlearning prints it": Detail(
            fmean(map(formulas.extraction_strength_as_published, hits)), "lower", n
        ),
        "exact memorisation": Detail(fmean(map(formulas.exact_memorisation, hits)), "lower", n),
    }
    if all(question.wrong for question in questions):
        ratios = [one.truth_ratio for one in read]
        numbers["forget truth ratio"] = Detail(formulas.ratios_of_forgotten(ratios), "higher", n)
        if retain_log:
            reference = [retain_log.ratios[question.index] for question in questions]
            numbers["forget quality"] = Detail(formulas.forget_quality(ratios, reference), "higher", n)
    return numbers


def utility_numbers(
    lm: LanguageModel,
    kept: Mapping[str, tuple[Sequence[Question], Sequence[str]]],
    *,
    among_options: Sequence[str],
    batch_size: int,
) -> dict[str, Detail]:
    """Probability, ROUGE-L recall and truth ratio of each set that is kept, and model utility, their harmonic mean.

    Args:
        lm: The model.
        kept: Questions and the model's greedy answers, by name of the set.
        among_options: Sets whose probability is that of the true answer among all that are given.
        batch_size: Sequences at once.
    """
    numbers: dict[str, Detail] = {}
    for name, (questions, answers) in kept.items():
        read = likelihoods(lm, questions, batch_size=batch_size)
        probability = _among if name in among_options else _alone
        values = {
            "probability": fmean(map(probability, read)),
            "ROUGE-L recall": mean_rouge(questions, answers),
            "truth ratio": formulas.ratios_of_kept([one.truth_ratio for one in read]),
        }
        numbers |= {f"{name}: {what}": Detail(value, "higher", len(questions)) for what, value in values.items()}
    utility = formulas.model_utility([detail.value for detail in numbers.values()])
    return numbers | {"model utility": Detail(utility, "higher", sum(len(questions) for questions, _ in kept.values()))}


def membership_numbers(
    lm: LanguageModel,
    members: Sequence[Pair],
    others: Sequence[Pair],
    *,
    batch_size: int,
    retain_log: RetainLog | None,
) -> dict[str, Detail]:
    """Area under the ROC curve of each attack, and privleak, which is of min-k% with k = 40.

    Args:
        lm: The model.
        members: What it learned and is to forget.
        others: Pairs of the same kind that it never saw.
        batch_size: Pairs at once.
        retain_log: Of a model that never learned the members; none, and its area is taken to be that of chance.
    """
    areas, n = membership(lm, members, others, batch_size=batch_size), len(members) + len(others)
    leak = formulas.privleak(areas[ATTACK_OF_PRIVLEAK], retain_log.auc if retain_log else formulas.AUC_BY_CHANCE)
    return {f"membership by {name}": Detail(area, "", n) for name, area in areas.items()} | {
        "privleak": Detail(leak, "", n)
    }


def _alone(read: Likelihoods) -> float:
    return formulas.probability(read.true)


def _among(read: Likelihoods) -> float:
    return formulas.probability_among(read.true, read.wrong)
