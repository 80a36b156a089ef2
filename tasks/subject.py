"""What all tasks of a run share: the run, the untouched model, the target, and how to load them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.settings.model import ModelSettings
from tasks.settings.release import ReleaseSettings
from tasks.settings.reunlearn import ForgottenTarget
from tasks.settings.target import MeasureSettings, TargetSettings
from tasks.store.ledger import refuse_purged
from tasks.store.run import Run
from tasks.store.seeds import derive_seed

if TYPE_CHECKING:
    from tasks.assess.scores import Scores
    from tasks.models.backend import Backend
    from tasks.models.generator import Generator
    from tasks.models.language_model import LanguageModel
    from tasks.models.pair import Pair
    from tasks.release.weights import WeightChooser
    from tasks.targets.checkpoint import Checkpoint
    from tasks.targets.target import Split, Target


RETAIN_SET = "retain-set/retain-set.jsonl"
FORGET_SET = "forget-set/forget-set.jsonl"
REVEALED_AGAIN = "revealed-again/forget-set.jsonl"
HELD_OUT = "held_out"


@contextmanager
def one_model() -> Iterator[None]:
    """Inside the block the tasks of a run share one model in memory, read once; after it the memory is free."""
    from tasks.release.resident import resident_model

    with resident_model():
        yield


@dataclass(frozen=True)
class Subject:
    """The model and the target of a run, by reference: small enough to hand from task to task.

    Attributes:
        run: Where the results are.
        base: Folder of the untouched model.
        device: Where it runs, resolved.
        backend: What generates in the reveal, resolved.
        seed: Of the run.
        forgotten: What the model has forgotten before, and must not show again.
    """

    run: Run
    base: Path
    device: str
    backend: "Backend"
    model: ModelSettings
    target: TargetSettings
    measure: MeasureSettings
    seed: int
    forgotten: tuple[ForgottenTarget, ...] = ()

    def load_model(self, step: int = 0, *, other_model: Path | str | None = None) -> "LanguageModel":
        """The model after a step, step 0 is the untouched one; or another model, such as gold.

        Models from earlier calls can no longer be used.
        """
        from tasks.models.model_folder import find_model_folder
        from tasks.release.rebuild import recorded_updates
        from tasks.release.resident import take_model

        assert not (step and other_model)
        folder = find_model_folder(other_model) if other_model else self.base
        updates = recorded_updates(self.run.path, step)
        return take_model(folder, updates, device=self.device, dtype=self.model.dtype)

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
        """The pairs of one split of a file of the run.

        Raises:
            UserError: the file was purged.
        """
        from tasks.models.pair_file import read_pairs

        refuse_purged(self.run.path, file)
        return read_pairs(self.run.path / file, split)

    def forget_pairs(self, step: int) -> "list[Pair]":
        """What a step may train on: the forget set, and what was revealed again up to it, none of a held-out prompt."""
        from tasks.reveal.harvest import context, normalised

        held_out = {normalised(context(pair)) for pair in self.pairs(FORGET_SET, HELD_OUT)}
        again = [f"step-{number:02d}/{REVEALED_AGAIN}" for number in range(1, step + 1)]
        files = [FORGET_SET, *(file for file in again if (self.run.path / file).exists())]
        pairs = [pair for file in files for pair in self.pairs(file, "train")]
        return [pair for pair in dict.fromkeys(pairs) if normalised(context(pair)) not in held_out]

    def load_target(self) -> "Target":
        """The target with its held-out prompts."""
        from tasks.targets.registry import build_target

        return build_target(
            self.target,
            num_prompts=self.measure.num_prompts,
            max_new_tokens=self.measure.max_new_tokens,
            seed=self.seed,
            device=self.device,
            forgotten=self.forgotten,
        )

    def measure_model(self, lm: "LanguageModel", split: "Split") -> "Scores":
        """The scores of a model on a split; the same prompts and draws for every checkpoint, so that scores compare."""
        return self._measure(self._checkpoint(lm, split), split)

    def measure_rounded(self, lm: "LanguageModel", split: "Split", scores: "Scores") -> "Scores":
        """The same scores with those of the model with rounded weights; it leaves the weights as they are."""
        from tasks.assess.measure import measure_rounded

        checkpoint, target = self._checkpoint(lm, split), self.load_target()
        watched = [one.watched_as for one in self.forgotten]
        rounded = {
            scheme: measure_rounded(checkpoint, target, split, scheme, watched=watched)
            for scheme in self.measure.quantised
        }
        return replace(scores, quantised=rounded)

    def report_model(self, lm: "LanguageModel") -> "Scores":
        """All that is reported of a model, on the `report` split; the model can no longer be used afterwards."""
        from tasks.assess.scores import WRITTEN
        from tasks.models.likelihood import perplexity

        split, target = "report", self.load_target()
        checkpoint = self._checkpoint(lm, split)
        scores = self.measure_rounded(lm, split, self._measure(checkpoint, split))
        details = target.details(checkpoint, split)
        told = {name: asdict(detail) for name, detail in details.numbers.items()}
        if details.written:
            value = perplexity(self.load_model(), details.written, batch_size=self.model.batch_size)
            told[WRITTEN] = {"value": value, "better": "lower", "n": len(details.written)}
        return replace(scores, details=told)

    def _measure(self, checkpoint: "Checkpoint", split: "Split") -> "Scores":
        from tasks.assess.measure import measure

        return measure(
            checkpoint,
            self.load_target(),
            split,
            kept=self.pairs(RETAIN_SET, split),
            revealed=self.pairs(FORGET_SET, HELD_OUT),
            prefill_tokens=self.measure.prefill_tokens,
        )

    def _checkpoint(self, lm: "LanguageModel", split: "Split") -> "Checkpoint":
        from tasks.targets.checkpoint import Checkpoint

        return Checkpoint(
            lm,
            batch_size=self.model.batch_size,
            max_new_tokens=self.measure.max_new_tokens,
            seed=derive_seed(self.seed, "measure", split),
        )

    def weight_chooser(self, lm: "LanguageModel", step: int, release: ReleaseSettings) -> "WeightChooser":
        """What chooses the merge weights of a step, on its model, by held-out revealed pairs and the `tune` split."""
        from tasks.models.pair import Pair
        from tasks.release.merge import Checkpoints
        from tasks.release.rebuild import recorded_updates
        from tasks.release.weights import WeightChooser, probe_of

        target = self.load_target()
        kept = {m.name: [Pair(e.prompt, e.response) for e in m.examples["tune"] if e.response] for m in target.utility}
        checkpoints, updates = Checkpoints(self.base), recorded_updates(self.run.path, step - 1)
        probe = probe_of(
            lm,
            checkpoints,
            updates,
            # A forget set of a single prompt has no held-out part.
            forget=self.pairs(FORGET_SET, HELD_OUT) or self.pairs(FORGET_SET, "train"),
            kept=kept | {"text": self.pairs(RETAIN_SET, "tune")},
            primary=target.primary,
            tau=release.open_below,
            size=release.probe_pairs,
            batch_size=self.model.batch_size,
        )
        return WeightChooser(
            lm,
            checkpoints,
            updates,
            probe,
            strategy=release.weights,
            objective=release.objective,
            forget_unit=release.forget_weight,
            retain_unit=release.retain_weight,
            max_damage=release.max_damage,
            max_unrepaired=release.max_unrepaired,
            batch_size=self.model.batch_size,
        )

    def best_step(self, accepted: Sequence[int]) -> int:
        """The best of the accepted steps by what was measured on the `tune` split; 0 if there is none."""
        from tasks.release.goals import best_step

        scores = {step: self.read_scores(step) for step in accepted}
        return best_step(scores, goal=self.measure.goal, goal_nll=self.measure.goal_nll) if scores else 0

    def forget_metric(self, lm: "LanguageModel", target: "Target", split: "Split" = "report") -> float:
        """The forget metric of a model alone: for tests that measure it again and again."""
        return self._checkpoint(lm, split).value(target.forget, split)

    def read_scores(self, step: int) -> "Scores":
        """What was measured of the checkpoint after a step, on the `tune` split."""
        from tasks.assess.scores import Scores

        return Scores.from_json(json.loads((self.run.path / f"step-{step:02d}" / "scores.json").read_text()))
