"""Form `copyright`: the model must not go on with a text word for word."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean

from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tasks.targets.checkpoint import Checkpoint
from tasks.targets.custom.file import CopyrightFile
from tasks.targets.custom.held_out import held_out, part_of
from tasks.targets.custom.kept import Kept
from tasks.targets.custom.scored import written
from tasks.targets.custom.target import CustomTarget
from tasks.targets.details import Detail, Details
from tasks.targets.overlap import Word, longest_common_span, rouge_l_recall, span_share, words_of
from tasks.targets.scorers.copied import CopiedScorer
from tasks.targets.target import Example, Metric, Split

PARTS = 4
"""A quarter of the passages is held out for each split; with the others the search begins."""
OPENING = "{opening}"
MOST_BYTES = 4 * 2**20
"""Of the text: all runs of its words are kept in memory."""
ANY = 1e-9
"""Any copied run counts: it is longer than chance, and the share of the words that it makes is the score."""


def copyright_target(file: CopyrightFile, kept: Kept, num_prompts: Mapping[Split, int]) -> CustomTarget:
    """The target of a file of this form; see `custom_target`.

    What is held out are openings, not text: an answer to another opening runs on into the next passages and is
    unlearned as far as it is copied, for the whole text is to be forgotten.

    Its metric is how much of a held-out passage's continuation follows in one run, greedily: the longest common span,
    which is what word for word means, and not ROUGE-L (Lin 2004), which counts scattered words; that is a detail.
    """
    text = _read(file.text_file)
    pairs = {pair.prompt: pair for pair in _passages(text, file)}
    examples = held_out(pairs, num_prompts, parts=PARTS, field="text_file")
    forget = Metric("verbatim", examples, mean_span_share)
    openings = [prompt for prompt in pairs if part_of(prompt, PARTS) == "train"]
    return CustomTarget(
        name="copyright",
        grammar=(openings,),
        may_ask=lambda instruction: instruction not in pairs or part_of(instruction, PARTS) == "train",
        scorer=CopiedScorer([text], min_run=file.min_run),
        threshold=ANY,
        forget=forget,
        kept=kept,
        details=partial(_details, forget),
    )


def mean_span_share(examples: Sequence[Example], answers: Sequence[str]) -> float:
    """Longest run of a continuation's words that the answer holds, as a share of them; mean over the passages."""
    return fmean(span_share(e.response, answer) for e, answer in zip(examples, answers, strict=True))


def _details(metric: Metric, checkpoint: Checkpoint, split: Split) -> Details:
    examples, answers = metric.examples[split], checkpoint.answers(metric, split)
    rouge = [rouge_l_recall(e.response, answer) for e, answer in zip(examples, answers, strict=True)]
    spans = [longest_common_span(e.response, answer) for e, answer in zip(examples, answers, strict=True)]
    numbers = {
        "ROUGE-L recall of the continuation": Detail(fmean(rouge), "lower", len(rouge)),
        "longest common span, in words": Detail(fmean(spans), "lower", len(spans)),
        "longest common span of all, in words": Detail(max(spans), "lower", len(spans)),
    }
    return Details(numbers, written(examples, answers))


def _passages(text: str, file: CopyrightFile) -> list[Pair]:
    """The text cut into passages, each an opening and its continuation; what is left at the end is not used."""
    words = words_of(text)
    length = file.opening_words + file.continuation_words
    starts = range(0, len(words) - length + 1, length)
    return [_passage(text, words[start : start + length], file) for start in starts]


def _passage(text: str, words: Sequence[Word], file: CopyrightFile) -> Pair:
    """White space and signs stay as they are in the text."""
    border = words[file.opening_words - 1].end
    opening, rest = text[words[0].start : border], text[border : words[-1].end]
    is_running_on = file.request == OPENING
    return Pair(file.request.replace(OPENING, opening), rest if is_running_on else rest.strip())


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise UserError(f"text_file {path!r} has more than {MOST_BYTES // 2**20} MiB; give the text in parts.")
        return content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UserError(f"text_file {path!r} cannot be read ({reason}); give a text in UTF-8.") from None
