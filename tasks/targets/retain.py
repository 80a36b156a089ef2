"""Text that a model must keep: read from a file, and parted into what is trained on and what is only measured."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tasks.lab.splits import split_of
from tasks.models.pair import Pair
from tasks.settings.errors import UserError
from tasks.targets.target import RetainSet, Split

END_OF_PASSAGE = "<|endoftext|>"


def read_retain(path: str, *, is_shown: Callable[[Pair], bool]) -> list[Pair]:
    """The pairs of a retain file that do not show what is to be forgotten, each once.

    JSON lines (`.jsonl`) with ``prompt`` and ``response``; a JSON list (`.json`) of ``instruction``, ``input`` and
    ``output``, Alpaca's form; or text, a passage without a prompt each.

    Args:
        path: Of the file.
        is_shown: Whether a pair shows what is to be forgotten.

    Raises:
        UserError: the file cannot be read, is none of these, or holds nothing to keep.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        pairs = _FORMS.get(Path(path).suffix, _passages)(text)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"target.retain_file {path!r} cannot be read ({error!r}); give JSON lines with `prompt` and `response` "
            "(.jsonl), a JSON list of `instruction`, `input` and `output` (.json), or text."
        ) from None
    kept = [pair for pair in dict.fromkeys(pairs) if pair.response.strip() and not is_shown(pair)]
    if not kept:
        raise UserError(
            f"target.retain_file {path!r} holds {len(pairs)} passages, all of which are empty or show what is to be "
            "forgotten; give text that is to be kept."
        )
    return kept


def split_retain(pairs: Sequence[Pair], *, size: int, held_out: Mapping[Split, int]) -> RetainSet:
    """A retain set of pairs, the splits by a hash of the text.

    Args:
        pairs: From which is taken, in order.
        size: Pairs to train on, at most.
        held_out: Held-out pairs by split, at most.

    Raises:
        UserError: a split is left with none.
    """
    by_split: dict[str, list[Pair]] = {"train": [], "tune": [], "report": []}
    for pair in pairs:
        by_split[split_of(pair.prompt + pair.response)].append(pair)
    if not all(by_split.values()):
        raise UserError(
            f"target.retain_file leaves {len(pairs)} passages to keep, too few to train on some and to measure others; "
            "give a few hundred."
        )
    return RetainSet(by_split["train"][:size], {split: by_split[split][:num] for split, num in held_out.items()})


def _json_lines(text: str) -> list[Pair]:
    rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [Pair(str(row["prompt"]), str(row["response"])) for row in rows]


def _alpaca(text: str) -> list[Pair]:
    rows = json.loads(text)
    return [Pair("\n\n".join(filter(None, (row["instruction"], row.get("input")))), row["output"]) for row in rows]


def _passages(text: str) -> list[Pair]:
    # The last passage of a cut file has no end.
    return [Pair("", passage.strip()) for passage in text.split(END_OF_PASSAGE)[:-1] or [text]]


_FORMS: Mapping[str, Callable[[str], list[Pair]]] = {".jsonl": _json_lines, ".json": _alpaca}
