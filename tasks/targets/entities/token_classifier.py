"""A Hugging Face token classifier as a recogniser."""

import re
from collections.abc import Sequence
from functools import lru_cache

from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer, TokenClassificationPipeline

from tasks.models.model_folder import find_model_folder
from tasks.models.reading import READING, reading
from tasks.settings.errors import UserError
from tasks.targets.entities.generated import TaggedSentence
from tasks.targets.entities.mention import places_of
from tasks.targets.scorers.classifier import num_positions

BATCH_SIZE = 32

_PREFIX = re.compile(r"^[BIES]-")


class TokenClassifier:
    """A mention is an entity where the classifier finds one of the type that shares characters with it.

    Shares, not equals: classifiers differ in whether a title belongs to a name. The weights are read when they are
    first needed.

    Args:
        folder: Of the model: safetensors, no code of its own.
        label: Of the type, as the classifier calls it, without ``B-`` or ``I-``.
        device: Where it runs.

    Raises:
        UserError: the folder is no model's, or the classifier does not know the label; at the first call, what
            `_open` raises.
    """

    def __init__(self, folder: str, label: str, device: str):
        try:
            path = find_model_folder(folder)
            with reading(folder):
                labels = AutoConfig.from_pretrained(path, **READING).id2label.values()
        except UserError as error:
            raise _renamed(error) from None
        known = sorted({_bare(name) for name in labels} - {"O"})
        if label not in known:
            raise UserError(
                f"target.entity_type is {label!r}, but the model in target.classifier_folder tells {', '.join(known)}."
            )
        self._folder = folder
        self._label = label
        self._device = device

    def __call__(self, tagged: Sequence[TaggedSentence]) -> list[bool]:
        """See `Recogniser`."""
        if not tagged:
            return []
        found = _open(self._folder, self._device)([one.sentence for one in tagged], batch_size=BATCH_SIZE)
        return [
            any(
                _shares(one, span["start"], span["end"]) for span in spans if _bare(span["entity_group"]) == self._label
            )
            for one, spans in zip(tagged, found, strict=True)
        ]


@lru_cache(maxsize=2)  # Tasks make their target anew, and a model takes seconds to read.
def _open(folder: str, device: str) -> TokenClassificationPipeline:
    """Read a token classifier.

    Raises:
        UserError: the files cannot be read, lack weights (a model that was not trained to classify tokens), or have a
            slow tokenizer.
    """
    try:
        path = find_model_folder(folder)
        with reading(folder):
            tokenizer = AutoTokenizer.from_pretrained(path, **READING)
            model, report = AutoModelForTokenClassification.from_pretrained(
                path, output_loading_info=True, use_safetensors=True, **READING
            )
    except UserError as error:
        raise _renamed(error) from None
    if missing := sorted(report["missing_keys"]):
        raise UserError(
            f"target.classifier_folder is {folder!r}, which lacks {len(missing)} of its weights ({missing[0]}); give a "
            "model that was trained to classify tokens."
        )
    if not tokenizer.is_fast:
        raise UserError(f"target.classifier_folder is {folder!r}, whose tokenizer is a slow one; give a fast one.")
    # Else a long sentence overruns the positions.
    tokenizer.model_max_length = min(tokenizer.model_max_length, num_positions(model.config))
    return TokenClassificationPipeline(
        model=model.eval(), tokenizer=tokenizer, device=device, aggregation_strategy="simple"
    )


def _shares(one: TaggedSentence, start: int, end: int) -> bool:
    """Whether a mention shares characters with this part of its sentence."""
    places = (place for mention in one.mentions for place in places_of(mention, one.sentence))
    return any(first < end and start < last for first, last in places)


def _bare(label: str) -> str:
    return _PREFIX.sub("", label)


def _renamed(error: UserError) -> UserError:
    """The error, of the setting that names this model."""
    return UserError(str(error).replace("model.path", "target.classifier_folder", 1))
