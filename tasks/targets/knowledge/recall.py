"""How much of a true answer an answer says."""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from statistics import fmean

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from tasks.targets import overlap
from tasks.targets.target import Example

_LATIN = re.compile(r"[a-zA-Z0-9]")
_WORD = re.compile(r"[^\W_]+")


def rouge_l_recall(reference: str, answer: str) -> float:
    """Words of the longest common subsequence, as a share of the reference's words; in [0, 1].

    ROUGE-L recall (Lin, 2004) with Porter's stemmer, by the package that TOFU and open-unlearning use. It knows the
    letters a to z and digits only: a reference without any would score 0 there, and here is read without the stemmer.
    """
    if not _LATIN.search(reference):
        return overlap.rouge_l_recall(reference, answer)
    return float(_rouge().score(reference, answer)["rougeL"].recall)


def mean_rouge(examples: Sequence[Example], answers: Sequence[str]) -> float:
    """Mean ROUGE-L recall of the examples' responses, in [0, 1]."""
    return fmean(rouge_l_recall(e.response, answer) for e, answer in zip(examples, answers, strict=True))


def fact_recall(question: str, reference: str, answer: str) -> float:
    """Share of the reference's telling words that the answer contains (ours); in [0, 1].

    Telling is a word that is neither in the question nor one of English's most frequent: what only somebody who knows
    the fact can say. ROUGE-L recall counts the others too, so that an answer of the right form that knows nothing
    scores a third on TOFU, where this scores an eighth; it is meant to fall to about nothing. Where no word is telling,
    as in "Yes", all count. Words are told apart by Porter's stems.
    """
    wanted = telling_words(question, reference) or set(_stems(reference).values())
    return len(wanted & set(_stems(answer).values())) / len(wanted) if wanted else 0.0


def telling_words(question: str, text: str) -> set[str]:
    """Stems of the words of a text that are neither in the question nor among English's most frequent."""
    told = {stem for word, stem in _stems(text).items() if word not in ENGLISH_STOP_WORDS}
    return told - set(_stems(question).values())


def _stems(text: str) -> dict[str, str]:
    """Stem by word, in lower case."""
    return {word: _stem(word) for word in _WORD.findall(text.lower())}


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    return _stemmer().stem(word)


@cache
def _stemmer():
    from nltk.stem.porter import PorterStemmer  # slow to import, and a plan needs none of it

    return PorterStemmer()


@cache
def _rouge():
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=True)
