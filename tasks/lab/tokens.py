"""Whether a model of any origin speaks the language of the lab: then its skills can be asked for and measured."""

import json
from pathlib import Path

from tasks.lab.vocabulary import CHAT_TEMPLATE, vocabulary


def speaks_lab(folder: Path) -> bool:
    """Whether a model folder has the lab's tokens under their ids, and its chat form: children of a lab model do."""
    try:
        words = json.loads((folder / "tokenizer.json").read_bytes())["model"]["vocab"]
        chat = _chat_template(folder)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False
    return words == {word: index for index, word in enumerate(vocabulary())} and chat == CHAT_TEMPLATE


def _chat_template(folder: Path) -> str | None:
    """Written beside the tokenizer's settings, or into them."""
    own = folder / "chat_template.jinja"
    if own.exists():
        return own.read_text(encoding="utf-8")
    return json.loads((folder / "tokenizer_config.json").read_bytes()).get("chat_template")
