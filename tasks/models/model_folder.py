"""From what the user calls a model to a folder that is safe to read: safetensors weights and a tokenizer, no pickles.

No torch here: a plan needs the digest of a model long before it needs the model.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from tasks.settings.errors import UserError
from tasks.store.digests import file_digest
from tasks.store.keys import json_digest

_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_WEIGHTS = ("model*.safetensors",)
_ADAPTER = "adapter_config.json"
"""Beside weights transformers puts the adapter of this file on them, unasked."""
INDEX = "model.safetensors.index.json"
_VOCABULARY = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
_SETTINGS = (
    "config.json",
    "generation_config.json",
    INDEX,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
)
_TEMPLATES = "additional_chat_templates/*.jinja"
_LARGEST_TEXT = 2**28
"""Bytes of a file of settings or vocabulary; the largest of published models has some tens of millions."""


def find_model_folder(path: str | Path, *, setting: str = "model.path") -> Path:
    """The folder with the files of a model: `path` itself, or the local snapshot of the hub id `org/name`.

    A hub id is downloaded on first use; files that could hold code (pickles, Python) are never fetched.

    Args:
        path: The folder or the hub id.
        setting: Where the user gave it; for messages.

    Raises:
        UserError: the folder is missing, has no config.json, no weights, only pickled weights, an adapter beside them,
            no tokenizer, or one that is too large; or the hub id could not be loaded.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        folder = _hub_snapshot(_hub_id(path, setting), setting)
    _config_of(folder, path, setting)
    if (folder / _ADAPTER).exists():
        raise UserError(
            f"{setting} is '{path}', which has an adapter beside the weights ({_ADAPTER}), and a model is its weights "
            "alone; merge the adapter into them, or take that file away."
        )
    if not weight_files(folder):
        if pickles := _matching(folder, _PICKLES):
            raise UserError(
                f"{setting} is '{path}', whose weights are pickled ({pickles[0].name}), and a pickle can run code; "
                "save them as safetensors."
            )
        raise UserError(f"{setting} is '{path}', which has no weights; give a folder with model.safetensors.")
    if not _matching(folder, _VOCABULARY):
        raise UserError(
            f"{setting} is '{path}', which has no tokenizer; save the model's tokenizer beside the weights."
        )
    for file in (*_matching(folder, _VOCABULARY + _SETTINGS), *_templates(folder)):
        _require_readable_size(file, path, setting)
    return folder


def find_config(path: str | Path) -> Path:
    """The config.json of a model that need not be here: of a hub id no other file is fetched, and this one once.

    Raises:
        UserError: there is no such folder, it has no config.json, or the hub id could not be loaded.
    """
    folder = Path(path).expanduser()
    if folder.is_dir():
        return _config_of(folder, path)
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    hub_id = _hub_id(path)
    if isinstance(cached := try_to_load_from_cache(hub_id, "config.json"), str):
        return Path(cached)
    with _hub_errors(hub_id):
        return Path(hf_hub_download(hub_id, "config.json"))


def is_downloaded(path: str | Path, *, setting: str = "model.path") -> bool:
    """Whether a model can be read without fetching it: a folder, or a hub id with all of its weights in the cache.

    Args:
        path: The folder or the hub id.
        setting: Where the user gave it; for messages.

    Raises:
        UserError: it is neither a folder nor a hub id.
    """
    if Path(path).expanduser().is_dir():
        return True
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        snapshot = Path(snapshot_download(_hub_id(path, setting), local_files_only=True))
    except LocalEntryNotFoundError:
        return False
    files = weight_files(snapshot)
    shards = re.search(r"-of-(\d+)\.", files[0].name) if files else None  # A shard's name says how many there are.
    return len(files) == int(shards[1]) if shards else bool(files)


def model_digest(path: str | Path, *, setting: str = "model.path") -> str:
    """What a model is: sha256 over the names and contents of its weights, configuration and tokenizer.

    Other files beside them (a model card, a manifest, logs) do not count.

    Raises:
        UserError: as `find_model_folder`.
    """
    folder = find_model_folder(path, setting=setting)
    return _content_digest(folder, model_files(folder))


def tokenizer_digest(folder: Path) -> str:
    """The same of a folder with configuration and tokenizer alone; weights in it do not count.

    Raises:
        UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"'{folder}' is no folder; give one with config.json and a tokenizer.")
    return _content_digest(folder, [*_matching(folder, _VOCABULARY + _SETTINGS), *_templates(folder)])


def model_files(folder: Path) -> list[Path]:
    """The files that make a model: its weights, configuration and tokenizer, sorted."""
    return [*_matching(folder, _WEIGHTS + _VOCABULARY + _SETTINGS), *_templates(folder)]


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights of a model folder, sorted."""
    return _matching(folder, _WEIGHTS)


def weight_shapes(folder: Path) -> dict[str, list[int]]:
    """The shape of each weight in a model folder, by name; the weights themselves are not read."""
    from safetensors import safe_open

    shapes = {}
    for file in weight_files(folder):
        with safe_open(file, framework="np") as weights:
            shapes |= {name: weights.get_slice(name).get_shape() for name in weights.keys()}  # noqa: SIM118
    return shapes


def _content_digest(folder: Path, files: list[Path]) -> str:
    digests = {}
    for file in files:
        stat = file.stat()
        digests[file.relative_to(folder).as_posix()] = _digest(file, stat.st_size, stat.st_mtime_ns)
    return json_digest(digests)


@cache
def _digest(file: Path, size: int, modified_ns: int) -> str:
    """Once a process for the same file: a run opens its plan several times, and large weights take minutes to read."""
    return file_digest(file)


def _matching(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_file() and any(fnmatch(f.name, p) for p in patterns))


def _templates(folder: Path) -> list[Path]:
    return sorted(folder.glob(_TEMPLATES))


def _config_of(folder: Path, path: str | Path, setting: str = "model.path") -> Path:
    if not (folder / "config.json").is_file():
        raise UserError(f"{setting} is '{path}', which has no config.json; give a folder written by save_pretrained.")
    _require_readable_size(folder / "config.json", path, setting)
    return folder / "config.json"


def _require_readable_size(file: Path, path: str | Path, setting: str) -> None:
    if (size := file.stat().st_size) > _LARGEST_TEXT:
        raise UserError(
            f"{setting} is '{path}', whose {file.name} has {size} bytes; give one of at most {_LARGEST_TEXT}."
        )


def is_hub_id(path: str | Path) -> bool:
    """Whether what the user calls the model is a hub id, and no folder."""
    return not Path(path).expanduser().is_dir() and _HUB_ID.fullmatch(str(path)) is not None


def _hub_id(path: str | Path, setting: str = "model.path") -> str:
    if not _HUB_ID.fullmatch(str(path)):
        raise UserError(f"{setting} is '{path}', which is no folder; give a model's, or a hub id like org/name.")
    return str(path)


def _hub_snapshot(hub_id: str, setting: str) -> Path:
    from huggingface_hub import snapshot_download  # slow to import, and a folder needs none of it

    with _hub_errors(hub_id, setting):
        return Path(snapshot_download(hub_id, allow_patterns=[*_WEIGHTS, *_VOCABULARY, *_SETTINGS, _TEMPLATES]))


@contextmanager
def _hub_errors(hub_id: str, setting: str = "model.path") -> Iterator[None]:
    try:
        yield
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise UserError(
            f"{setting} is '{hub_id}', which is no folder, and the Hugging Face hub did not give it ({reason}); "
            "give an existing folder, or the id of a model that can be reached."
        ) from error
