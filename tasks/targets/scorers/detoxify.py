"""The scorer Detoxify (https://github.com/unitaryai/detoxify), from a checkpoint that cannot run code.

Detoxify unpickles its checkpoint and only prints which weights are missing. So the checkpoint is read here first, as
plain values and tensors, its weights are compared with what the model needs, and a private copy that was written here
is handed to Detoxify.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal
from urllib.error import URLError
from urllib.parse import urlsplit

import torch
import transformers
from detoxify import Detoxify
from detoxify.detoxify import MODEL_URLS
from torch import Tensor

from tasks.models.batching import batches_by_length
from tasks.models.device import resolve_device
from tasks.models.reading import READING, quiet
from tasks.settings.errors import UserError
from tasks.targets.scorers.classifier import num_positions

Variant = Literal["original", "unbiased", "multilingual"]

BATCH_SIZE = 32
_HUB_IDS: Mapping[Variant, str] = {
    "original": "google-bert/bert-base-uncased",
    "unbiased": "FacebookAI/roberta-base",
    "multilingual": "FacebookAI/xlm-roberta-base",
}
"""Where the configuration and the tokenizer of Detoxify's own checkpoints are."""
_TOKENIZER_FILES = ("config.json", "*token*.json", "vocab.*", "merges.txt", "*.model", "added_tokens.json")
_FAMILIES = ("Albert", "Bert", "Roberta", "XLMRoberta")
"""Of models and tokenizers that Detoxify knows."""
_LEFT_OVER = re.compile(r".*\.(position_ids|pooler\.dense\.(weight|bias))")
"""What older versions of transformers saved with the weights, and the model of today does not have or need."""


class DetoxifyScorer:
    """Scores a response by itself; the prompt is not read.

    The score is the probability of a label, by default of ``toxicity``, which all of Detoxify's models have.

    Args:
        variant: Which of Detoxify's models to download where `checkpoint` is empty.
        checkpoint: A checkpoint in Detoxify's format.
        folder: Configuration and tokenizer of the checkpoint's model; empty: downloaded, those of the variant.
        label: By Detoxify's names; empty: ``toxicity``.
        device: Where it computes.

    Raises:
        UserError: nothing can be downloaded; the checkpoint holds more than plain values and tensors, has another
            format, or lacks weights; the folder cannot be read; there is no such label.
    """

    def __init__(
        self, variant: Variant, *, checkpoint: str = "", folder: str = "", label: str = "", device: str = "cpu"
    ):
        file = Path(checkpoint) if checkpoint else _downloaded(variant)
        place = Path(folder) if folder else _hub_folder(variant)
        loaded = _read(file)
        _compare_weights(file, loaded, place)
        loaded["config"]["arch"]["args"]["model_type"] = str(place)  # Else Detoxify asks the hub for it.
        with TemporaryDirectory(prefix="reveal-release-") as private, quiet():  # mode 0700
            copy = Path(private) / "checkpoint.ckpt"
            torch.save(loaded, copy)
            self._detoxify = Detoxify(checkpoint=str(copy), device=resolve_device(device))
        tokenizer = self._detoxify.tokenizer
        tokenizer.model_max_length = min(tokenizer.model_max_length, num_positions(self._detoxify.model.config))
        self._label = label or "toxicity"
        if self._label not in self._detoxify.class_names:
            raise UserError(
                f"Detoxify's checkpoint {str(file)!r} has no label {self._label!r}; it has "
                f"{', '.join(self._detoxify.class_names)}."
            )

    def __call__(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        """See `Scorer`."""
        scores = [0.0] * len(responses)
        for batch in batches_by_length([len(response) for response in responses], BATCH_SIZE):
            predicted = self._detoxify.predict([responses[i] for i in batch])[self._label]
            for i, score in zip(batch, predicted if len(batch) > 1 else [predicted], strict=True):
                scores[i] = score
        return scores


def _read(file: Path) -> dict[str, Any]:
    """A checkpoint in Detoxify's format: its configuration, and weights by name."""
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"Detoxify's checkpoint {str(file)!r} cannot be read ({error.strerror}).") from None
    except Exception:  # The reader fails in many ways at what it is not meant for.
        raise UserError(
            f"Detoxify's checkpoint {str(file)!r} is damaged or holds more than plain values and tensors, which could "
            "run code; give one as Detoxify publishes it."
        ) from None
    try:
        config = loaded["config"]
        args = config["arch"]["args"]
        classes, weights = config["dataset"]["args"]["classes"], loaded["state_dict"]
        _class_of(args["model_name"], "ForSequenceClassification")
        _class_of(args["tokenizer_name"], "Tokenizer")
        is_valid = (
            set(args) <= {"model_type", "model_name", "tokenizer_name", "num_classes"}
            and isinstance(args["num_classes"], int)
            and 1 <= len(classes) <= args["num_classes"]
            and all(isinstance(name, str) for name in classes)
            and all(isinstance(weight, Tensor) for weight in weights.values())
        )
    except (LookupError, TypeError, AttributeError):
        is_valid = False
    if not is_valid:
        raise UserError(
            f"Detoxify's checkpoint {str(file)!r} has another format than Detoxify's; it needs config.arch.args with "
            "model_name, tokenizer_name and num_classes, config.dataset.args.classes, and state_dict."
        )
    return {"config": config, "state_dict": dict(weights)}


def _class_of(name: str, kind: str) -> type:
    """A class of transformers that Detoxify may be told to use; LookupError for any other."""
    if name.removesuffix("Fast").removesuffix(kind) not in _FAMILIES:
        raise LookupError(name)
    return getattr(transformers, name)


def _compare_weights(file: Path, loaded: Mapping[str, Any], folder: Path) -> None:
    """The model needs exactly the weights that the checkpoint has: a missing one would be drawn at random."""
    if not (folder / "config.json").is_file():  # Without one, transformers would take a default configuration.
        raise UserError(f"{str(folder)!r} has no config.json; give the folder of the checkpoint's model and tokenizer.")
    args = loaded["config"]["arch"]["args"]
    model_class = _class_of(args["model_name"], "ForSequenceClassification")
    try:
        with quiet(), torch.device("meta"):
            config = model_class.config_class.from_pretrained(folder, num_labels=args["num_classes"], **READING)
            needed = {name: weight.shape for name, weight in model_class(config).state_dict().items()}
        tokenizer_class = _class_of(args["tokenizer_name"], "Tokenizer")
        with quiet():
            tokenizer_class.from_pretrained(folder, **READING)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise UserError(
            f"{str(folder)!r} cannot be read as configuration and tokenizer of a {args['model_name']} ({reason})."
        ) from None
    given = {name: weight.shape for name, weight in loaded["state_dict"].items()}
    extra = {name for name in given.keys() - needed.keys() if not _LEFT_OVER.fullmatch(name)}
    for what, names in (
        ("lacks", needed.keys() - given.keys()),
        ("has, beyond what the model needs,", extra),
        ("has in other shapes", {name for name in needed.keys() & given.keys() if needed[name] != given[name]}),
    ):
        if names:
            raise UserError(
                f"Detoxify's checkpoint {str(file)!r} {what} {len(names)} weights ({min(names)}); it and the "
                f"configuration in {str(folder)!r} must belong together."
            )


def _downloaded(variant: Variant) -> Path:
    """Detoxify's own checkpoint, where torch keeps downloads; the file's name holds the first digits of its sha256."""
    url = MODEL_URLS[variant]
    name = Path(urlsplit(url).path).name
    file = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(
                url, str(file), hash_prefix=re.search(r"-([0-9a-f]+)\.", name)[1], progress=False
            )
        except (URLError, OSError, RuntimeError) as error:
            raise UserError(
                f"Detoxify's checkpoint {name} cannot be downloaded ({error}); give the file of one that you have."
            ) from None
    return file


def _hub_folder(variant: Variant) -> Path:
    from huggingface_hub import snapshot_download  # slow to import, and a folder needs none of it

    try:
        return Path(snapshot_download(_HUB_IDS[variant], allow_patterns=list(_TOKENIZER_FILES)))
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise UserError(
            f"The configuration and tokenizer {_HUB_IDS[variant]} of Detoxify's {variant} cannot be downloaded "
            f"({reason}); give the folder that has them."
        ) from None
