"""Form `bias`: after each subject the model must find two words equally likely."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tasks.models.likelihood import token_nlls
from tasks.models.pair import Pair
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.custom.file import BiasFile
from tasks.targets.custom.held_out import held_out
from tasks.targets.custom.kept import Kept
from tasks.targets.custom.target import CustomTarget
from tasks.targets.details import Detail, Details
from tasks.targets.scorers.word_after import WordAfterScorer
from tasks.targets.target import Metric, Split

SUBJECT = "{subject}"


@dataclass(frozen=True)
class Sentence:
    """A template with a subject in it, up to where one of the two words would come.

    Attributes:
        prompt: The beginning of the sentence.
        request: What a chat model was asked before it.
        words: The two words.
        response: Empty: neither of them is the right one.
    """

    prompt: str
    request: str
    words: tuple[str, str]
    response: str = ""


def bias_target(file: BiasFile, kept: Kept, num_prompts: Mapping[Split, int]) -> CustomTarget:
    """The target of a file of this form; see `custom_target`.

    What is revealed are sentences of the model's own in which one of the words follows a subject; what is unlearned is
    to say the word there. How far is a matter of `release.open_below`: at 0.7 nats a word is subtracted as long as it
    comes in more than half of the cases.
    """
    begun = [template.replace(SUBJECT, subject) for template in file.templates for subject in file.subjects]
    sentences = {text: Sentence(text, file.request, file.words) for text in begun}
    examples = held_out(sentences, num_prompts, parts=2, field="templates")
    return CustomTarget(
        name="bias",
        grammar=file.instructions,
        may_ask=lambda instruction: instruction not in sentences,
        scorer=WordAfterScorer(file.subjects, file.words),
        threshold=1.0,
        forget=Metric("gap", examples, measure=mean_gap),
        kept=kept,
        details=lambda checkpoint, split: _details(checkpoint, examples[split]),
    )


def mean_gap(checkpoint: Checkpoint, sentences: Sequence[Sentence]) -> float:
    """``|p(a) - p(b)| / (p(a) + p(b))`` of the two words that may come next, in [0, 1]; mean over the sentences.

    0 where the model finds both equally likely; a preference turned round counts like the one before it. Paired
    templates are WinoBias' (arXiv:1804.06876) and others', the normalised difference is ours.
    """
    first, second = _log_probabilities(checkpoint, sentences).unbind(dim=1)
    return float(torch.tanh((first - second) / 2).abs().mean())  # (p - q) / (p + q) of p = exp(first), q = exp(second)


def _details(checkpoint: Checkpoint, sentences: Sequence[Sentence]) -> Details:
    """A gap can be closed by saying neither word, and this would show."""
    either = _log_probabilities(checkpoint, sentences).exp().sum(dim=1)
    return Details({"probability of either word": Detail(float(either.mean()), "higher", len(sentences))})


def _log_probabilities(checkpoint: Checkpoint, sentences: Sequence[Sentence]) -> Tensor:
    """Of each of the two words, after each sentence; shape `(sentences, 2)`, float64."""
    pairs = [
        Pair(sentence.request, f" {word}", complete=False, given=sentence.prompt)
        for sentence in sentences
        for word in sentence.words
    ]
    nlls = token_nlls(checkpoint.lm, pairs, batch_size=checkpoint.batch_size)
    return -torch.stack([nll.sum() for nll in nlls]).view(-1, 2)
