"""Files of tagged sentences in CoNLL form: a token and its tag a line, an empty line after each sentence.

The first column is the token and the last its tag, whatever stands between (CoNLL-2003 has four columns, many others
two). Where a line has a tab, the token is what stands before the first, and may hold spaces. ``-DOCSTART-`` begins a
document; in some files (wikigold) it ends one, which makes no difference here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks.settings.errors import UserError
from tasks.targets.entities.spans import Scheme, Span, TagError, detect_scheme, spans_of

MOST_BYTES = 64 * 2**20
"""Of a file."""
MOST_TOKENS = 1000
"""Of a sentence: more is a file without empty lines."""
MOST_CHARACTERS = 1000
"""Of a line."""

_DOCUMENT = "-DOCSTART-"
_GAP = re.compile(r"[ \t]+")  # Not any white space: a token may hold a no-break space.


@dataclass(frozen=True)
class Sentence:
    """A tagged sentence.

    Attributes:
        tokens: At least one.
        spans: Its entities, in order.
        document: Number of the document that it stands in, rising; 0 everywhere in a file that names none.
    """

    tokens: tuple[str, ...]
    spans: tuple[Span, ...]
    document: int

    @property
    def text(self) -> str:
        """The tokens, parted by spaces."""
        return " ".join(self.tokens)

    @property
    def types(self) -> set[str]:
        """Of its entities."""
        return {span.type for span in self.spans}

    def mentions(self, type_: str) -> tuple[str, ...]:
        """The texts of the entities of a type, in order, tokens parted by spaces."""
        return tuple(" ".join(self.tokens[span.start : span.end]) for span in self.spans if span.type == type_)


def read_conll(path: Path, *, scheme: Scheme | Literal["auto"] = "auto") -> tuple[Sentence, ...]:
    """The sentences of a file, in order.

    Args:
        path: Of the file.
        scheme: Of its tags; ``auto``: as `detect_scheme` finds. A file in IOB2 with a span that begins with ``I-`` is
            read as IOB1 then, to the same spans as conlleval's; read as ``iob2`` the line is refused.

    Raises:
        UserError: the file cannot be read, is larger than 64 MiB or holds no entity; a line has one column only, or a
            tag that the scheme does not allow there; a line or sentence is too long. File and line are in the message.
    """
    rows = _rows(path)
    if scheme == "auto":
        scheme = detect_scheme([row.tags for row in rows])
    sentences = []
    for row in rows:
        try:
            spans = spans_of(row.tags, scheme)
        except TagError as error:
            line = row.first_line + error.index
            raise UserError(
                f"target.conll_file {str(path)!r}, line {line}: the tag {row.tags[error.index]!r} {error.reason}; mend "
                f"it, or set target.tag_scheme (it is read as {scheme})."
            ) from None
        sentences.append(Sentence(tuple(row.tokens), spans, row.document))
    if not any(sentence.spans for sentence in sentences):
        raise UserError(f"target.conll_file {str(path)!r} tags no entity; give a file with tokens and tags.")
    return tuple(sentences)


@dataclass
class _Row:
    """A sentence as it stands in the file."""

    first_line: int
    document: int
    tokens: list[str]
    tags: list[str]


def _rows(path: Path) -> list[_Row]:
    rows: list[_Row] = []
    document, is_new = 0, True
    for number, line in _lines(path):
        token, tab, rest = line.strip(" \t\r\n").partition("\t")
        columns = [token.strip(), *_GAP.split(rest.strip(" \t"))] if tab else _GAP.split(token)
        if columns[0] in ("", _DOCUMENT):
            document += columns[0] == _DOCUMENT
            is_new = True
            continue
        if len(columns) == 1:
            raise UserError(
                f"target.conll_file {str(path)!r}, line {number}: {columns[0][:40]!r} has one column; a line has a "
                "token and its tag, parted by a space or a tab."
            )
        if is_new:
            rows.append(_Row(number, document, [], []))
            is_new = False
        rows[-1].tokens.append(columns[0])
        rows[-1].tags.append(columns[-1])
        if len(rows[-1].tokens) > MOST_TOKENS:
            raise UserError(
                f"target.conll_file {str(path)!r}, line {number}: the sentence has more than {MOST_TOKENS} tokens; an "
                "empty line ends a sentence."
            )
    return rows


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of the file, numbered from 1."""
    try:
        if not path.is_file():
            raise FileNotFoundError("no such file")
        if (size := path.stat().st_size) > MOST_BYTES:
            raise UserError(f"target.conll_file {str(path)!r} has {size} bytes; give one of at most {MOST_BYTES}.")
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if len(line) > MOST_CHARACTERS:
                    raise UserError(
                        f"target.conll_file {str(path)!r}, line {number} has {len(line)} characters; give a file with "
                        "a token and its tag a line."
                    )
                yield number, line
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"target.conll_file {str(path)!r} cannot be read ({error}); give a file with a token and its tag a line."
        ) from None
