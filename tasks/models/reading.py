"""How files of models are read: without code of the model's own, without noise, and with one sentence on a refusal."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transformers.utils import logging

from tasks.settings.errors import UserError

READING = {"local_files_only": True, "trust_remote_code": False}
"""For every `from_pretrained`."""


@contextmanager
def reading(path: str | Path, *, setting: str = "model.path") -> Iterator[None]:
    """Read files of the model that the user calls `path` in `setting`, quietly.

    Raises:
        UserError: the files cannot be read.
    """
    try:
        with quiet():
            yield
    except UserError:  # The deadline of a run can end in here.
        raise
    except Exception as error:  # Of any kind: what the files of a stranger make transformers raise is not foreseen.
        reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise UserError(f"{setting} is '{path}', which cannot be read ({reason}); save the model again.") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Without loading bars and advice of transformers; as they were, afterwards."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
