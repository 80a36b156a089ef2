"""What is asked about the sentences of a file: which type, in which sentences, after which shots."""

from collections.abc import Iterator, Sequence
from itertools import cycle

from tasks.settings.errors import UserError
from tasks.targets.entities.conll import Sentence
from tasks.targets.entities.entity_type import EntityType, entity_type
from tasks.targets.entities.parts import LONGEST_SHOT, Part, draw_sentences, draw_shots, part_sentences
from tasks.targets.entities.prompts import EntityExample, example_of, prompt_for

SHARE_WITHOUT = 0.25
"""Of the prompts for a kept type: their sentence does not name it, so that finding it everywhere costs precision."""


class Questions:
    """Prompts for the type to forget and for those to keep.

    Args:
        sentences: Of a file; `part_sentences` says which of them are used for what.
        label: Of the type to forget, as the file tags it.
        num_shots: Answered sentences in each prompt; fewer for a kept type that the file has fewer of.
        seed: Draws the sentences.

    Attributes:
        forgotten: The type to forget.
        kept: The others, by label.

    Raises:
        UserError: the file does not tag the type, or has too few sentences for the shots of it.
    """

    def __init__(self, sentences: Sequence[Sentence], label: str, *, num_shots: int, seed: int):
        labels = sorted({span.type for sentence in sentences for span in sentence.spans})
        if label not in labels:
            raise UserError(f"target.entity_type is {label!r}, but target.conll_file tags {', '.join(labels)}.")
        self.forgotten = entity_type(label)
        self.kept = tuple(entity_type(other) for other in labels if other != label)
        self._parts = part_sentences(sentences, seed)
        self._shots = {type_: draw_shots(self._without_forgotten("train"), type_, num_shots) for type_ in self.kept}
        self._shots[self.forgotten] = draw_shots(self._parts["train"], self.forgotten, num_shots)
        if (num := len(self._shots[self.forgotten])) < num_shots:
            raise UserError(
                f"target.shots is {num_shots}, but target.conll_file has sentences of at most {LONGEST_SHOT} tokens "
                f"for {num} shots of the type {label} beside the held-out ones; lower it, or give a longer file."
            )

    def of_forgotten(self, part: Part, num: int) -> list[EntityExample]:
        """The forgotten type, in sentences that name it, alone or beside others."""
        drawn = draw_sentences(self._parts[part], self.forgotten, num)
        return [self._example(sentence, self.forgotten) for sentence in drawn]

    def of_kept(self, type_: EntityType, part: Part, num: int) -> list[EntityExample]:
        """A kept type, in sentences that do not name the forgotten one."""
        drawn = draw_sentences(self._without_forgotten(part), type_, num, share_without=SHARE_WITHOUT)
        return [self._example(sentence, type_) for sentence in drawn]

    def of_mixed(self, part: Part, num: int) -> list[EntityExample]:
        """The kept types, in sentences that name the forgotten one too."""
        mixed = [sentence for sentence in self._parts[part] if self.forgotten.label in sentence.types]
        asked = [(one, type_) for one in mixed for type_ in self.kept if type_.label in one.types]
        return [self._example(sentence, type_) for sentence, type_ in asked[:num]]

    def of_all_kept(self, part: Part) -> Iterator[EntityExample]:
        """In every sentence that does not name the forgotten type: each kept type that it names, and one in turn."""
        turns = cycle(self.kept)
        for sentence in self._without_forgotten(part) if self.kept else ():
            named = {type_: None for type_ in self.kept if type_.label in sentence.types}
            yield from (self._example(sentence, type_) for type_ in named | {next(turns): None})

    def of_sentence(self, sentence: str) -> str:
        """The prompt for the forgotten type in any sentence."""
        return prompt_for(sentence, self.forgotten, self._shots[self.forgotten])

    def num_mentions(self, type_: EntityType, part: Part) -> int:
        """Of a kept type, in sentences that do not name the forgotten one."""
        return sum(len(sentence.mentions(type_.label)) for sentence in self._without_forgotten(part))

    def _without_forgotten(self, part: Part) -> list[Sentence]:
        return [sentence for sentence in self._parts[part] if self.forgotten.label not in sentence.types]

    def _example(self, sentence: Sentence, type_: EntityType) -> EntityExample:
        return example_of(sentence, type_, self._shots[type_])
