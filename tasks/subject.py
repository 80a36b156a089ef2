"""What all tasks of a run share: the run, the untouched model, the target, and how to load them."""

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.settings.model import ModelSettings
from tasks.settings.target import MeasureSettings, TargetSettings
from tasks.store.run import Run
from tasks.store.seeds import derive_seed

if TYPE_CHECKING:
    from tasks.assess.scores import Scores
    from tasks.models.backend import Backend
    from tasks.models.generator import Generator
    from tasks.models.language_model import LanguageModel
    from tasks.models.pair import Pair
    from tasks.targets.target import Split, Target


RETAIN_SET = "retain-set/retain-set.jsonl"
FORGET_SET = "forget-set/forget-set.jsonl"
HELD_OUT = "held_out"


@dataclass(frozen=True)
class Subject:
    """The model and the target of a run, by reference: small enough to hand from task to task.

    Attributes:
        run: Where the results are.
        base: Folder of the untouched model.
        device: Where it runs, resolved.
        backend: What generates in the reveal, resolved.
        seed: Of the run.
    """

    run: Run
    base: Path
    device: str
    backend: "Backend"
    model: ModelSettings
    target: TargetSettings
    measure: MeasureSettings
    seed: int

    def load_model(self, step: int = 0, *, other_model: Path | str | None = None) -> "LanguageModel":
        """The model after a step, step 0 is the untouched one; or another model, such as gold."""
        from tasks.models.language_model import load_language_model
        from tasks.release.rebuild import rebuild

        assert not (step and other_model)
        lm = load_language_model(other_model or self.base, device=self.device, dtype=self.model.dtype)
        if step:
            rebuild(lm, self.base, self.run.path, step)
        return lm

    def open_generator(self, lm: "LanguageModel") -> "AbstractContextManager[Generator]":
        """What generates in the reveal, with the untouched model, which `lm` is."""
        from tasks.models.backend import open_generator

        model = self.model
        return open_generator(
            self.base,
            lm,
            backend=self.backend,
            device=self.device,
            dtype=model.dtype,
            batch_size=model.batch_size,
            vllm_memory=model.vllm_memory,
            api_url=model.api_url,
            api_model=model.api_model,
        )

    def pairs(self, file: str, split: str) -> "list[Pair]":
        """The pairs of one split of a file of the run."""
        from tasks.models.pair_file import read_pairs

        return read_pairs(self.run.path / file, split)

    def load_target(self) -> "Target":
        """The target with its held-out prompts."""
        from tasks.targets.registry import build_target

        return build_target(
            **self.target.model_dump(),
            num_prompts=self.measure.num_prompts,
            max_new_tokens=self.measure.max_new_tokens,
            seed=self.seed,
        )

    def measure_model(self, lm: "LanguageModel", split: "Split") -> "Scores":
        """The scores of a model on a split; the same prompts and draws for every checkpoint, so that scores compare."""
        from tasks.assess.measure import measure

        return measure(
            lm,
            self.load_target(),
            split,
            kept=self.pairs(RETAIN_SET, split),
            revealed=self.pairs(FORGET_SET, HELD_OUT),
            max_new_tokens=self.measure.max_new_tokens,
            prefill_tokens=self.measure.prefill_tokens,
            batch_size=self.model.batch_size,
            seed=derive_seed(self.seed, "measure", split),
        )

    def forget_metric(self, lm: "LanguageModel", target: "Target") -> float:
        """The forget metric of a model alone, on the `report` split: for tests that measure it again and again."""
        from tasks.assess.answering import answers_to
        from tasks.models.generator import TransformersGenerator

        metric = target.forget
        answers = answers_to(
            metric,
            "report",
            generator=TransformersGenerator(lm, batch_size=self.model.batch_size),
            max_new_tokens=self.measure.max_new_tokens,
            temperature=metric.temperature,
            seed=derive_seed(self.seed, "measure", "report"),
        )
        return metric.score(metric.examples["report"], answers)

    def read_scores(self, step: int) -> "Scores":
        """What was measured of the checkpoint after a step, on the `tune` split."""
        from tasks.assess.scores import Scores

        return Scores.from_json(json.loads((self.run.path / f"step-{step:02d}" / "scores.json").read_text()))
