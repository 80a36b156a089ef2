"""A model from outside is examined before a run begins with it: what it claims is held against what is in its files.

Nothing is loaded that is as large as the model.
"""

import json
from functools import cache
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

from tasks.models.codec import Codec, load_codec
from tasks.models.language_model import require_all_weights
from tasks.models.model_folder import find_model_folder, model_digest, model_files, weight_files, weight_shapes
from tasks.models.reading import READING, reading
from tasks.models.template_trial import try_chat_template
from tasks.models.weight_files import require_sound_weights
from tasks.settings.errors import UserError


def examined_digest(path: str | Path) -> str:
    """`model_digest` of a model that can be loaded, runs no code of its own, and whose weights are all numbers.

    Raises:
        UserError: what `find_model_folder`, `require_sound_weights`, `load_codec` and `try_chat_template` refuse; the
            architecture is not one of transformers'; weights are missing, have other shapes than the configuration
            says, or are not finite.
    """
    folder = find_model_folder(path)
    states = {file: file.stat() for file in model_files(folder)}
    _examine(folder, path, tuple((file, stat.st_size, stat.st_mtime_ns) for file, stat in states.items()))
    return model_digest(path)


@cache
def _examine(folder: Path, path: str | Path, files: tuple[tuple[Path, int, int], ...]) -> None:
    """Once a process for the same files, as their digests are: a run opens its plan several times."""
    _require_known_architecture(folder, path)
    require_sound_weights(folder, path)
    codec = load_codec(path)
    try_chat_template(codec.tokenizer, path)
    _require_fitting_weights(folder, codec, path)
    _require_finite_weights(folder, path)


def _require_known_architecture(folder: Path, path: str | Path) -> None:
    with reading(path):
        config = dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
        kind = str(config.get("model_type"))
    if kind not in CONFIG_MAPPING_NAMES:
        own = "has code of its own (auto_map), which is never run" if "auto_map" in config else "is not known here"
        raise UserError(
            f"model.path is '{path}', whose model_type '{kind:.100}' {own}; give a model of an architecture that "
            "transformers has."
        )


def _require_fitting_weights(folder: Path, codec: Codec, path: str | Path) -> None:
    """As transformers would load them, but nowhere: on the device `meta` a weight is a shape."""
    layers, num_weights = getattr(codec.config.get_text_config(), "num_hidden_layers", 0), len(weight_shapes(folder))
    if layers > num_weights:  # Else the layers would be made, one by one, before it shows.
        raise UserError(
            f"model.path is '{path}', whose config.json has {layers} layers, its files {num_weights} weights; "
            "save the model again."
        )
    with reading(path):
        _, report = AutoModelForCausalLM.from_pretrained(
            folder,
            device_map={"": "meta"},
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            use_safetensors=True,
            **READING,
        )
    if mismatched := sorted(report["mismatched_keys"]):
        name, held, wanted = mismatched[0]
        raise UserError(
            f"model.path is '{path}', where {name} is {tuple(held)} and config.json makes it {tuple(wanted)}; save the "
            "model again."
        )
    require_all_weights(report["missing_keys"], path)


def _require_finite_weights(folder: Path, path: str | Path) -> None:
    for file in weight_files(folder):
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118
                tensor = weights.get_tensor(name)
                if tensor.is_floating_point() and tensor.numel():
                    tensor = tensor.float() if tensor.itemsize == 1 else tensor
                    # The extremes of a weight with NaN are NaN; this is 25 times as fast as torch.isfinite.
                    if not all(torch.isfinite(extreme) for extreme in torch.aminmax(tensor)):
                        raise UserError(
                            f"model.path is '{path}', where {name} holds values that are no finite numbers; give a "
                            "model that was saved whole."
                        )
