"""The plan of a run: every unit of work with its key, known before any model is loaded.

Which settings stand in which unit is decided here and nowhere else: a setting left out of a unit cannot change it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flows.run_settings import RunSettings
from tasks.settings.assess import AssessSettings, Probe
from tasks.settings.compare import Compared, compared_folder
from tasks.settings.errors import UserError
from tasks.settings.model import LAB
from tasks.settings.target import FIELDS, TargetSettings
from tasks.store.digests import file_digest, files_digest
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.store.ledger import purged_files
from tasks.store.run import NAME, Run
from tasks.store.seeds import derive_seed
from tasks.subject import FORGET_SET as FORGET_SET_FILE

VERSION = 2
"""Raised by hand when the same settings begin to give other numbers."""

SEARCH = (
    "arms", "hops", "soft_space", "soft_tokens", "soft_dimensions", "pool_size", "rounds", "initial_queries", "queries",
    "queries_at_once", "samples_per_query", "max_new_tokens", "temperature", "alpha", "embedding", "embedding_model",
    "width", "exploration", "rewrites", "min_gain", "keep", "min_relevance",
)  # fmt: skip
FORGET_SET = ("forget_set_size", "max_responses", "max_new_tokens", "temperature", "min_relevance")
FORGET_ADAPTER = (
    "open_below",
    "few_open",
    "rank",
    "lora_alpha",
    "learning_rate",
    "max_grad_norm",
    "forget_updates",
    "forget_batch",
    "gradient_checkpointing",
    "tokens_at_once",
    "train_in",
)
RETAIN_ADAPTER = (
    "order",
    "orthogonality",
    "rank",
    "lora_alpha",
    "learning_rate",
    "max_grad_norm",
    "retain_updates",
    "retain_batch",
    "gradient_checkpointing",
    "tokens_at_once",
    "train_in",
)
FORGET_WEIGHT = ("weights", "forget_weight", "open_below", "probe_pairs", "max_unrepaired")
MERGE = ("weights", "forget_weight", "retain_weight")
CHOICE = ("open_below", "probe_pairs", "max_damage", "objective")
MEASURED = ("max_new_tokens", "prefill_tokens", "quantised")
GUARD = ("goal", "goal_nll", "max_drop", "max_perplexity_rise")
RELEARNING = ("relearning_samples", "relearning_steps", "relearning_rate")
EXTRACTION = ("extraction_queries",)


@dataclass(frozen=True)
class Plan:
    """The units of one run, in the order of work.

    Attributes:
        settings: Of the run.
        device: Where the model runs, resolved.
        model_digest: Of the files of a model that was not made here; empty for the lab model.
        target_digests: Of the files that the target reads, by setting.
        revealed_digests: Of the forget sets of earlier runs.
        backend: What generates in the reveal, resolved.
        encoder_digest: Of the sentence encoder; empty where none is used.
        checkpoint_digest: Of the files of another model that is assessed; empty where the run's own is.
        harness_digest: Of lm-evaluation-harness and of benchmarks beside its own; empty where none is run.
    """

    settings: RunSettings
    device: str
    model_digest: str = ""
    target_digests: Mapping[str, str] = field(default_factory=dict)
    revealed_digests: Mapping[str, str] = field(default_factory=dict)
    backend: str = "transformers"
    encoder_digest: str = ""
    checkpoint_digest: str = ""
    harness_digest: str = ""

    @cached_property
    def model(self) -> Unit | None:
        """The lab model, which is a unit itself; none for a model from outside."""
        return self._lab_unit(exclude=None)

    @cached_property
    def gold(self) -> Unit | None:
        """The lab model trained without the forget data; none unless it was asked for."""
        if not self.settings.lab.gold:
            return None
        from tasks.targets.lab import LAB_TARGETS

        return self._lab_unit(exclude=LAB_TARGETS[self.settings.target.kind].excluded)

    @cached_property
    def retain_set(self) -> Unit:
        """What the model must keep saying."""
        settings = {"release": self._some("release", ("retain_size",))}
        settings["measure"] = self._some("measure", ("tune_prompts", "report_prompts", "max_new_tokens"))
        if self.settings.release.retain_written:
            settings["release"] |= self._some("release", ("retain_written",))
            settings["reveal"] = self._some("reveal", ("max_new_tokens",))
        return self._root("retain-set", settings)

    @cached_property
    def search(self) -> Unit:
        """The search for what makes the model show the target."""
        return self._root("search", {"reveal": self._some("reveal", SEARCH)}, backend=self.backend)

    @cached_property
    def forget_set(self) -> Unit:
        """What the best instructions made the model write, less what is measured."""
        settings = {"reveal": self._some("reveal", FORGET_SET)}
        settings["measure"] = self._some("measure", ("tune_prompts", "report_prompts"))
        return self._unit("forget-set", settings, self.search, outside=self.revealed_digests, backend=self.backend)

    def revealed_again(self, step: int) -> Unit | None:
        """What the best arms make the checkpoint before a step write; none where they are not asked again."""
        every = self.settings.release.reveal_again
        if not every or step == 1 or (step - 1) % every:
            return None
        settings = {"reveal": self._some("reveal", FORGET_SET)}
        parents = self.search, self.forget_set, self.checkpoint(step - 1)
        return self._unit(f"{_folder(step)}/revealed-again", settings, *parents)

    def forget_adapter(self, step: int) -> Unit:
        """The forget adapter of a step, trained on the checkpoint before it."""
        settings = {"release": self._some("release", FORGET_ADAPTER)}
        parents = filter(
            None, [self.forget_set, *map(self.revealed_again, range(1, step + 1)), self.checkpoint(step - 1)]
        )
        return self._unit(f"{_folder(step)}/forget-adapter", settings, *parents)

    def forget_weight(self, step: int) -> Unit | None:
        """How much of a step's forget update is subtracted; none where that is given, or chosen together with b."""
        if not self.settings.release.chooses_first:
            return None
        settings = {
            "release": self._some("release", FORGET_WEIGHT),
            "measure": self._some("measure", ("tune_prompts",)),
        }
        parents = self.forget_adapter(step), self.retain_set, self.forget_set
        return self._unit(f"{_folder(step)}/forget-weight", settings, *parents)

    def retain_adapter(self, step: int) -> Unit:
        """The retain adapter of a step; what it depends on of the forget adapter is a matter of order and penalty."""
        release = self.settings.release
        settings = self._some("release", RETAIN_ADAPTER)
        parents = [self.retain_set, self.checkpoint(step - 1)]
        if release.order == "residual" or release.orthogonality:
            parents.append(self.forget_adapter(step))
        if release.order == "residual":
            if weight := self.forget_weight(step):
                parents.append(weight)
            else:
                settings |= self._some("release", ("forget_weight",))
        return self._unit(f"{_folder(step)}/retain-adapter", {"release": settings}, *parents)

    def checkpoint(self, step: int) -> Unit:
        """A step merged, measured and judged; step 0 is the untouched model, measured."""
        if step not in self._checkpoints:
            measured = {"measure": self._some("measure", ("tune_prompts", *MEASURED))}
            if step == 0:
                unit = self._unit(_folder(0), measured, self.retain_set, self.forget_set)
            else:
                chosen = () if self.settings.release.weights == "fixed" else CHOICE
                judged = {"release": self._some("release", (*MERGE, *chosen))}
                judged["measure"] = measured["measure"] | self._some("measure", GUARD)
                adapters = self.forget_adapter(step), self.retain_adapter(step)
                unit = self._unit(_folder(step), judged, *adapters, self.checkpoint(0))
            self._checkpoints[step] = unit
        return self._checkpoints[step]

    def report(self, moment: str, step: int) -> Unit:
        """The report split, measured `before` (step 0), `after` (the last accepted step) and on the `gold` model."""
        settings = {"measure": self._some("measure", ("report_prompts", *MEASURED))}
        subject = self.gold if moment == "gold" else self.checkpoint(step)
        assert subject is not None
        return self._unit(f"report/{moment}", settings, self.retain_set, self.forget_set, subject)

    def published(self, step: int) -> Unit:
        """The unlearned model: the checkpoint of the last accepted step as a folder that loads anywhere."""
        return self._unit("model", {}, self.checkpoint(step))

    @property
    def assessed(self) -> tuple[str, ...]:
        """The models that are assessed: the original, what is compared with it, and gold where it was asked for."""
        other = f"checkpoint-{self.checkpoint_digest[:8]}" if self.checkpoint_digest else "unlearned"
        return ("original", other, *(["gold"] if self.gold else []))

    def probe(self, probe: Probe, model: str, step: int) -> Unit:
        """A recovery test of one of the models in `assessed`; the unlearned one is the checkpoint after a step."""
        settings, parents = self._probe(probe)
        made_from, outside = self._assessed_from(model, step)
        return self._unit(f"assess/{probe}/{model}", settings, *parents, *made_from, outside=outside)

    def benchmark(self, name: str, model: str, step: int) -> Unit:
        """A benchmark of lm-evaluation-harness put to one of the models in `assessed`; see `probe`."""
        made_from, outside = self._assessed_from(model, step)
        outside |= {"harness": self.harness_digest} | ({"model": self.model_digest} if self.model_digest else {})
        parents = filter(None, [self.model, *made_from])
        return self._unit(f"assess/lm-eval/{name}/{model}", {}, *parents, outside=outside)

    @cached_property
    def true_data(self) -> Unit:
        """The forget data that the lab model was trained on, which only the lab has."""
        settings = {"reveal": self._some("reveal", ("forget_set_size",))}
        return self._root("compare/true-data", settings)

    def trial(self, compared: Compared, number: int) -> Unit:
        """Another method with one choice of its settings, from 1, measured on the tune split."""
        from tasks.baselines.registry import METHODS
        from tasks.baselines.trials import trial_knobs

        # With the settings themselves: they follow from the ranges, and a trial of others is another trial.
        settings = {
            "compare": {
                "method": compared.method,
                "trial": number,
                "knobs": trial_knobs(METHODS[compared.method], number),
            },
            "release": self._some("release", ("forget_batch",)),
            "measure": self._some("measure", ("tune_prompts", *MEASURED, "goal", "goal_nll")),
        }
        data = [self.true_data] if compared.true_data else []
        parents = self.retain_set, self.forget_set, self.checkpoint(0), *data
        return self._unit(f"compare/{compared.label}/trial-{number:02d}", settings, *parents)

    def trials(self, compared: Compared) -> list[Unit]:
        """All trials of a method."""
        return [self.trial(compared, number) for number in range(1, self.settings.compare.trials + 1)]

    def compared_model(self, compared: Compared) -> Unit:
        """The model of a method's best trial; that of `sisa`, which has none, is made from gold."""
        if compared.method == "sisa":
            return self._unit(f"{self._best(compared)}/model", {}, self.gold)
        settings = {"measure": self._some("measure", GUARD)}
        return self._unit(f"{self._best(compared)}/model", settings, *self.trials(compared))

    def compared_report(self, compared: Compared) -> Unit:
        """That model, measured on the report split."""
        settings = {"measure": self._some("measure", ("report_prompts", *MEASURED))}
        parents = self.retain_set, self.forget_set, self.compared_model(compared)
        return self._unit(f"{self._best(compared)}/report", settings, *parents)

    def compared_probe(self, probe: Probe, compared: Compared) -> Unit:
        """A recovery test of that model."""
        settings, parents = self._probe(probe)
        parents = *parents, self.compared_model(compared)
        return self._unit(f"{self._best(compared)}/{probe}", settings, *parents)

    def _best(self, compared: Compared) -> str:
        """The folder of what is reported of a method: the best of so many trials, so that more may be added."""
        return compared_folder(compared, self.settings.compare.trials)

    def comparison(self) -> Iterator[Unit]:
        """All units of the methods that are compared with a run, beside the run's own, in the order of work."""
        for compared in self.settings.compare.compared:
            if compared.true_data:
                yield self.true_data
            if compared.method != "sisa":
                yield from self.trials(compared)
            yield from (self.compared_model(compared), self.compared_report(compared))
            if compared.method != "sisa":
                yield from (self.compared_probe(probe, compared) for probe in self.settings.assess.probes)

    def assessment(self, step: int) -> Iterator[Unit]:
        """What the recovery tests work on, and the tests, in the order of work; see `probe`."""
        assess = self.settings.assess
        yield from filter(None, (self.model, self.gold))
        for name in assess.lm_eval:
            yield from (self.benchmark(name, model, step) for model in self.assessed)
        if assess.probes:
            yield from (self.retain_set, self.search, self.forget_set)
        for model in self.assessed:
            yield from (self.probe(probe, model, step) for probe in assess.probes)

    def find(self, run: Run, unit: Unit) -> UnitRef | None:
        """The unit where it is finished: in the run's folder, or in the cache of lab models."""
        if unit in (self.model, self.gold):
            from tasks.lab.model import find_lab_model

            return find_lab_model(unit)
        return run.find(unit)

    def units(self, *, steps: int, last_step: int) -> Iterator[Unit]:
        """All units in the order of work.

        Args:
            steps: Steps taken; how many that will be is not known before the end.
            last_step: The last of them that was accepted.
        """
        yield from filter(None, (self.model, self.gold))
        yield from (self.retain_set, self.search, self.forget_set, self.checkpoint(0), self.report("before", 0))
        for step in range(1, steps + 1):
            units = (
                self.revealed_again(step),
                self.forget_adapter(step),
                self.forget_weight(step),
                self.retain_adapter(step),
                self.checkpoint(step),
            )
            yield from filter(None, units)
        yield self.report("after", last_step)
        if self.gold:
            yield self.report("gold", last_step)
        yield self.published(last_step)

    @cached_property
    def _checkpoints(self) -> dict[int, Unit]:
        return {}

    @cached_property
    def _forgotten(self) -> Mapping[str, Any]:
        """What was forgotten before; nothing where nothing was, so that the keys of other runs do not know of it."""
        forgotten = [
            {
                "name": one.name,
                "limit": one.limit,
                "target": one.target.told,
                "files": files_digests(one.target.without_retain),
            }
            for one in self.settings.forgotten
        ]
        return {"forgotten": forgotten} if forgotten else {}

    @cached_property
    def _environment(self) -> Mapping[str, Any]:
        model = self.settings.model
        threads = model.threads if self.device == "cpu" else 0
        return {"device": self.device, "dtype": model.dtype, "threads": threads}

    def _root(self, name: str, settings: Mapping[str, Any], *, backend: str = "transformers") -> Unit:
        """A unit that reads what comes from outside; all others depend on it through one of these."""
        digests = {"model": self.model_digest, "encoder": self.encoder_digest}
        outside = {name: digest for name, digest in digests.items() if digest} | dict(self.target_digests)
        return self._unit(name, settings, *filter(None, [self.model]), outside=outside, backend=backend)

    def _unit(
        self,
        name: str,
        settings: Mapping[str, Any],
        *parents: Unit,
        outside: Mapping[str, str] = MappingProxyType({}),
        backend: str = "transformers",
    ) -> Unit:
        return Unit(
            name=name,
            version=VERSION,
            settings={"target": self.settings.target.told, **settings}
            | {"batch_size": self.settings.model.batch_size}
            | self._forgotten,
            seed=derive_seed(self.settings.seed, name),
            environment={**self._environment, "backend": backend},
            parents=parents,
            outside=outside,
        )

    def _assessed_from(self, model: str, step: int) -> tuple[list[Unit], dict[str, str]]:
        """Of one of the models in `assessed`: the unit it is, where it is more than the original; what is outside."""
        match model:
            case "original":
                return [], {}
            case "unlearned":
                return [self.checkpoint(step)], {}
            case "gold":
                return [self.gold], {}
            case _:
                return [], {"checkpoint": self.checkpoint_digest}

    def _probe(self, probe: Probe) -> tuple[dict[str, Any], list[Unit]]:
        """Settings and parents of a recovery test, without the model that it is put to."""
        match probe:
            case "relearning":
                settings = {"assess": self._some("assess", RELEARNING)}
                settings["measure"] = self._some("measure", ("report_prompts", "max_new_tokens"))
                return settings, [self.retain_set, self.forget_set]
            case "membership":
                return {"measure": self._some("measure", ("report_prompts",))}, [self.forget_set]
            case "extraction":
                settings = {"assess": self._some("assess", EXTRACTION), "reveal": self._some("reveal", SEARCH)}
                return settings, [self.search]

    def _lab_unit(self, *, exclude: str | None) -> Unit | None:
        if self.settings.model.path != LAB:
            return None
        from tasks.lab.model import lab_unit

        return lab_unit(self.settings.seed, exclude)

    def _some(self, group: str, names: tuple[str, ...]) -> dict[str, Any]:
        return getattr(self.settings, group).model_dump(include=set(names), mode="json")


def make_plan(settings: RunSettings) -> Plan:
    """The plan of a run: reads the digests of what comes from outside, loads no model.

    Raises:
        UserError: the model, the target or the device cannot be used.
    """
    from tasks.lab.tokens import speaks_lab
    from tasks.models.backend import resolve_backend
    from tasks.models.device import resolve_device
    from tasks.models.examination import examined_digest
    from tasks.models.four_bit import require_bitsandbytes
    from tasks.targets.chat_requests import warn_of_base_model
    from tasks.targets.lab import LAB_TARGETS
    from tasks.targets.registry import build_target

    model, target = settings.model, settings.target
    if model.path == LAB and target.kind not in LAB_TARGETS:
        raise UserError(
            f"target.kind is {target.kind}, but model.path is lab; give the folder or hub id of a model of yours."
        )
    if model.path != LAB and target.kind in LAB_TARGETS and not speaks_lab(Path(model.path)):
        raise UserError(
            f"target.kind is {target.kind}, a skill of the lab model, but model.path is {model.path!r}, which is no "
            f"folder with a model of its vocabulary; use target.kind {' or '.join(FIELDS)}."
        )
    if settings.lab.gold and model.path != LAB:
        raise UserError(f"lab.gold is set, but model.path is {model.path!r}; a gold model is trained for the lab only.")
    if model.backend == "openai" and settings.reveal.arms != "text":
        raise UserError(
            f"reveal.arms is {settings.reveal.arms}, but model.backend is openai, and embeddings cannot be sent to a "
            "server; use reveal.arms text."
        )
    if settings.release.train_in == "4bit":
        require_bitsandbytes()
    device = resolve_device(model.device)
    # Built here only to refuse what it cannot use; it reads the retain file and loads no model.
    build_target(
        target,
        num_prompts=settings.measure.num_prompts,
        max_new_tokens=settings.measure.max_new_tokens,
        seed=settings.seed,
        forgotten=settings.forgotten,
    )
    model_digest = ""
    if model.path != LAB:
        model_digest = examined_digest(model.path)
        warn_of_base_model(target.kind, model.path)
    return Plan(
        settings,
        device=device,
        model_digest=model_digest,
        target_digests=files_digests(target),
        revealed_digests=_revealed_digests(settings),
        backend=resolve_backend(model.backend, path=model.path, device=device),
        encoder_digest=_encoder_digest(settings),
        checkpoint_digest=_checkpoint_digest(settings.assess.checkpoint),
        harness_digest=_harness_digest(settings.assess),
    )


def files_digests(target: TargetSettings) -> dict[str, str]:
    """Digest of each file or folder that a target reads, and of the files of code that it runs, by setting.

    Raises:
        UserError: one cannot be read.
    """
    from tasks.targets.custom.file import read_target_file
    from tasks.targets.hub_file import local_files
    from tasks.targets.scorers.function import function_file

    digests = {}
    code = {name: function_file(function) for name, function in target.functions.items()}
    for name, path in (local_files(target) | code).items():
        try:
            digests[name] = files_digest(path)
        except UserError as error:
            raise UserError(f"target.{name}: {error}") from None
    if target.custom_file:
        digests |= read_target_file(Path(target.custom_file)).digests()
    return digests


def _revealed_digests(settings: RunSettings) -> dict[str, str]:
    """Of the forget sets of earlier runs; one that was purged since is known by what the ledger says of it."""
    digests = {}
    for name in settings.revealed_before:
        run_path = Path(settings.runs_dir) / name
        unit, file = FORGET_SET_FILE.split("/")
        is_name = bool(NAME.fullmatch(name))
        if is_name and (run_path / FORGET_SET_FILE).is_file():
            digests[f"revealed:{name}"] = file_digest(run_path / FORGET_SET_FILE)
        elif is_name and (digest := purged_files(run_path, unit).get(file)):
            digests[f"revealed:{name}"] = digest
        else:
            raise UserError(
                f"revealed_before names {name!r}, but {settings.runs_dir} holds no run of that name with a forget set; "
                "name finished runs for the same target."
            )
    return digests


def _encoder_digest(settings: RunSettings) -> str:
    if settings.reveal.embedding != "sentence-encoder":
        return ""
    from tasks.reveal.sentence_embedding import encoder_digest

    return encoder_digest(settings.reveal.embedding_model)


def _harness_digest(assess: AssessSettings) -> str:
    if not assess.lm_eval:
        return ""
    from tasks.assess.lm_eval_harness import harness_digest

    return harness_digest(assess.lm_eval_folder)


def _checkpoint_digest(path: str) -> str:
    if not path:
        return ""
    from tasks.models.examination import examined_digest

    try:
        return examined_digest(path)
    except UserError as error:  # It speaks of the setting that most models come from.
        raise UserError(str(error).replace("model.path", "assess.checkpoint", 1)) from None


def _folder(step: int) -> str:
    return f"step-{step:02d}"
