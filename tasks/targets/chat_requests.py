"""Targets whose prompts are requests: a model that only continues text is asked what it was never taught to answer."""

import logging
from functools import cache

from tasks.models.codec import load_codec
from tasks.settings.target import TargetKind

log = logging.getLogger(__name__)

KINDS: tuple[TargetKind, ...] = ("code", "entities", "knowledge")


@cache
def warn_of_base_model(kind: TargetKind, path: str) -> None:
    """Log a sentence where such a target meets a model without a chat template; once a process.

    Raises:
        UserError: as `load_codec`.
    """
    if kind in KINDS and not load_codec(path).is_chat:
        log.warning(
            "target.kind is %s, whose prompts are requests to a chat model, but the tokenizer of model.path %r has no "
            "chat template: a base model is asked the same, untried; give a chat model.",
            kind,
            path,
        )
