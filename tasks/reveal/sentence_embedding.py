"""Texts by a sentence encoder, a model trained so that texts of like meaning are near each other."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from tasks.models.reading import quiet
from tasks.reveal.unit_rows import UnitRows
from tasks.settings.errors import UserError
from tasks.store.digests import file_digest
from tasks.store.keys import json_digest

_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")


class SentenceEmbedding(UnitRows):
    """What sentence-transformers makes of a text; texts longer than the encoder reads are cut off.

    Args:
        model: Folder, or hub id, of a sentence-transformers model with safetensors weights and no code of its own. A
            hub id is downloaded on first use, without anything that could hold code.
        device: Where it computes.
        batch_size: Texts encoded at once.

    Raises:
        UserError: sentence-transformers is not installed; there is no such model, or it is none of its own, is pickled,
            or cannot be read.
    """

    def __init__(self, model: str, *, device: str = "cpu", batch_size: int = 64):
        try:
            from sentence_transformers import SentenceTransformer  # an optional extra
        except ImportError as error:
            raise UserError(
                "reveal.embedding is sentence-encoder, which needs sentence-transformers; install the extra embed "
                "(pip install 'reveal-and-release[embed]'), or choose hidden-states."
            ) from error

        folder = _folder(model)
        try:
            with quiet():
                self._encoder = SentenceTransformer(
                    str(folder),
                    device=device,
                    local_files_only=True,
                    trust_remote_code=False,
                    model_kwargs={"use_safetensors": True},
                )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
            raise UserError(
                f"reveal.embedding_model is '{model}', which sentence-transformers cannot read ({reason}); give a "
                "model saved by it."
            ) from error
        self._batch_size = batch_size
        super().__init__(
            f"sentence-encoder-{Path(model).name}-{_digest(folder)[:8]}", self._encoder.get_embedding_dimension()
        )

    def _rows(self, texts: Sequence[str]) -> Tensor:
        encoded = self._encoder.encode(
            list(texts), batch_size=self._batch_size, convert_to_tensor=True, show_progress_bar=False
        )
        has_content = torch.tensor([bool(text.strip()) for text in texts])
        return encoded.double().cpu() * has_content[:, None]


def encoder_digest(model: str) -> str:
    """What an encoder is: sha256 over its weights.

    Raises:
        UserError: there is no such model, or it is none of sentence-transformers', or is pickled.
    """
    return _digest(_folder(model))


def _folder(model: str) -> Path:
    folder = Path(model).expanduser()
    if not folder.is_dir():
        folder = _hub_snapshot(model)
    if not (folder / "modules.json").is_file():
        raise UserError(
            f"reveal.embedding_model is '{model}', which has no modules.json; give a model saved by "
            "sentence-transformers."
        )
    # Parts of an encoder have folders of their own, and any that has only a pickle would be read from that.
    for file in sorted(folder.rglob("*")):
        if file.suffix in _PICKLES and not list(file.parent.glob("*.safetensors")):
            raise UserError(
                f"reveal.embedding_model is '{model}', whose weights are pickled ({file.name}), and a pickle can run "
                "code; save them as safetensors."
            )
    return folder


def _hub_snapshot(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download  # slow to import, and a folder needs none of it

    try:
        return Path(snapshot_download(hub_id, allow_patterns=list(_FILES)))
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise UserError(
            f"reveal.embedding_model is '{hub_id}', which is no folder, and the Hugging Face hub did not give it "
            f"({reason}); give the folder or the hub id of a sentence encoder."
        ) from error


def _digest(folder: Path) -> str:
    weights = sorted(folder.rglob("*.safetensors"))
    return json_digest({str(file.relative_to(folder)): file_digest(file) for file in weights})
