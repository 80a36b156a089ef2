"""Which sentences of a file are reported on, which are tuned on, and which may be shown and trained on: by document."""

import zlib
from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import Literal

from tasks.store.seeds import derive_seed
from tasks.targets.entities.conll import Sentence
from tasks.targets.entities.entity_type import EntityType

Part = Literal["train", "tune", "report"]

LONGEST_SHOT = 40
"""Tokens of a sentence that is shown as an example."""

FEWEST_DOCUMENTS = 16
_PARTS: tuple[Part, ...] = ("report", "report", "report", "tune", "tune", "tune", "train", "train")
"""By the remainder of a document's hash."""


def part_sentences(sentences: Sequence[Sentence], seed: int) -> dict[Part, list[Sentence]]:
    """The sentences of each part, shuffled; a sentence that stands in the file twice is taken the first time.

    ``crc32`` of the document's text, modulo 8: 0..2 report, 3..5 tune, the rest train. In a file with
    fewer than 16 documents, which could leave a part empty, every sentence is one.

    Args:
        sentences: Of a file.
        seed: Shuffles.
    """
    has_documents = len({sentence.document for sentence in sentences}) >= FEWEST_DOCUMENTS
    documents: dict[int, list[Sentence]] = defaultdict(list)
    for number, sentence in enumerate(sentences):
        documents[sentence.document if has_documents else number].append(sentence)
    parts: dict[Part, list[Sentence]] = {"train": [], "tune": [], "report": []}
    seen: set[str] = set()
    for document in documents.values():
        text = "\n".join(sentence.text for sentence in document)
        part = parts[_PARTS[zlib.crc32(text.encode()) % len(_PARTS)]]
        for sentence in document:
            if sentence.text not in seen:
                seen.add(sentence.text)
                part.append(sentence)
    for name, part in parts.items():
        Random(derive_seed(seed, "sentences", name)).shuffle(part)  # noqa: S311 (not for security)
    return parts


def draw_sentences(
    sentences: Sequence[Sentence], type_: EntityType, num: int, *, share_without: float = 0.0
) -> list[Sentence]:
    """The first sentences with a type, and after them a share without it.

    Args:
        sentences: From which is drawn.
        type_: The type.
        num: Sentences, at most; fewer where the file has fewer with the type.
        share_without: Of the sentences that are drawn, rounded down.
    """
    having = [sentence for sentence in sentences if type_.label in sentence.types][: num - int(share_without * num)]
    lacking = [sentence for sentence in sentences if type_.label not in sentence.types]
    return having + lacking[: int(len(having) * share_without / (1 - share_without))]


def draw_shots(sentences: Sequence[Sentence], type_: EntityType, num: int) -> list[Sentence]:
    """Sentences to show as answered examples: short ones, every fourth without the type.

    Args:
        sentences: From which is drawn.
        type_: The type.
        num: Sentences, at most.
    """
    short = [sentence for sentence in sentences if len(sentence.tokens) <= LONGEST_SHOT]
    having = iter([sentence for sentence in short if type_.label in sentence.types])
    lacking = iter([sentence for sentence in short if type_.label not in sentence.types])
    return [shot for number in range(1, num + 1) if (shot := next(having if number % 4 else lacking, None))]
