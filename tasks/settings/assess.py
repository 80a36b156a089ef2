"""How hard it is tried to bring back what was forgotten."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from tasks.settings.base import Settings

Probe = Literal["relearning", "membership", "extraction"]


def _listed(names: object) -> object:
    return tuple(filter(None, re.split(r"[,\s]+", names))) if isinstance(names, str) else names


class AssessSettings(Settings):
    """The recovery tests: what `flows.assess` does to a model; a run itself needs none of it."""

    probes: tuple[Probe, ...] = ("relearning", "membership", "extraction")
    """`relearning`, a little fine-tuning; `membership`, whether likelihoods tell what was forgotten; `extraction`,
    Reveal run again on the model that forgot."""
    checkpoint: str = ""
    """A model folder or hub id to assess against `model.path`; empty: the model after the run's last accepted step."""
    relearning_samples: int = Field(8, ge=1, le=1000)
    """Forget pairs that the model is fine-tuned on, and pairs of every batch."""
    relearning_steps: int = Field(16, ge=1, le=10_000)
    """Optimizer updates of the fine-tuning; the forget metric is measured after 0, 1, 2, 4, 8 ... of them."""
    relearning_rate: float = Field(4e-3, gt=0, le=1)
    """AdamW's learning rate in the fine-tuning on forget pairs, at its highest: such that on the lab a model that never
    had the skill learns it in 16 updates. On unrelated pairs it is a fifth, at which the original loses nothing."""
    lm_eval: Annotated[tuple[Annotated[str, Field(pattern=r"^\w[\w.-]*$")], ...], BeforeValidator(_listed)] = ()
    """Benchmarks of lm-evaluation-harness (`gsm8k,ifeval`), by its names, that each model is put to; its data come from
    a hub. Needs the extra lm-eval."""
    lm_eval_folder: str = ""
    """Folder with benchmarks of your own in the harness's YAML; Python files that they name are run."""
    extraction_queries: int = Field(30, ge=1, le=10_000)
    """Arms that the new search chooses, after `reveal.initial_queries` at random, in one round."""
