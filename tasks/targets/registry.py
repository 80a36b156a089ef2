"""From a target's settings to the target."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

from tasks.settings.errors import UserError
from tasks.settings.reunlearn import ForgottenTarget
from tasks.settings.target import FIELDS, TargetSettings
from tasks.targets.after_others import AfterOthers
from tasks.targets.code.target import CodeTarget
from tasks.targets.custom.build import custom_target
from tasks.targets.detox.target import DetoxTarget
from tasks.targets.entities.target import EntityTarget
from tasks.targets.hub_file import local_files
from tasks.targets.knowledge.target import KnowledgeTarget
from tasks.targets.lab import lab_target
from tasks.targets.phrases import PhraseTarget
from tasks.targets.scorers.spec import scorer_of
from tasks.targets.target import Split, Target


def build_target(
    settings: TargetSettings,
    *,
    num_prompts: Mapping[Split, int],
    max_new_tokens: int,
    seed: int,
    device: str = "cpu",
    forgotten: Sequence[ForgottenTarget] = (),
) -> Target:
    """The target that settings describe.

    Args:
        settings: What is to be forgotten.
        num_prompts: Held-out prompts of each skill, by split.
        max_new_tokens: Tokens of an answer, at most.
        seed: Of the run.
        device: Where a model that judges answers runs.
        forgotten: What the model has forgotten before, and must not show again.

    Raises:
        UserError: a setting of the target is unusable, or set where it has no effect.
    """
    target = _target(settings, num_prompts, max_new_tokens, seed, device)
    choices = (" ".join(filter(None, choice)) for choice in product(*target.grammar))
    if not any(text and target.may_ask(text) for text in choices):
        raise UserError(
            "The target's instructions leave none that may be asked: there are none, or all are held-out prompts; give "
            "others, or leave the setting out."
        )
    others = {
        one.watched_as: _target(one.target.without_retain, num_prompts, max_new_tokens, seed, device)
        for one in forgotten
    }
    return AfterOthers(target, others) if others else target


def _target(
    settings: TargetSettings, num_prompts: Mapping[Split, int], max_new_tokens: int, seed: int, device: str
) -> Target:
    for name in settings.without_effect:
        kinds = " or ".join(kind for kind, fields in FIELDS.items() if name in fields)
        raise UserError(
            f"target.{name} is set, but target.kind is {settings.kind}; it is used by target.kind {kinds} only."
        )
    settings = settings.model_copy(update={name: str(path) for name, path in local_files(settings).items()})
    match settings.kind:
        case "custom" if settings.custom_file:
            return _described_target(settings, num_prompts, max_new_tokens, seed, device)
        case "custom":
            return PhraseTarget(
                phrases=settings.phrases,
                instructions=settings.instructions,
                retain_file=settings.retain_file,
                num_prompts=num_prompts,
                max_new_tokens=max_new_tokens,
                seed=seed,
            )
        case "code":
            return CodeTarget(
                humaneval_file=settings.humaneval_file,
                mbpp_file=settings.mbpp_file,
                gsm8k_file=settings.gsm8k_file,
                retain_file=settings.retain_file,
                num_prompts=num_prompts,
            )
        case "detox":
            return DetoxTarget(
                scorer=scorer_of(settings),
                prompts_file=settings.prompts_file,
                instructions=settings.instructions,
                retain_file=settings.retain_file,
                samples=settings.samples,
                num_prompts=num_prompts,
                device=device,
            )
        case "knowledge":
            return KnowledgeTarget(
                subjects=settings.subjects,
                questions_folder=settings.questions_folder,
                forget_split=settings.forget_split,
                questions_file=settings.questions_file,
                holdout_file=settings.holdout_file,
                retain_log_file=settings.retain_log_file,
                retain_file=settings.retain_file,
                num_prompts=num_prompts,
                max_new_tokens=max_new_tokens,
                seed=seed,
            )
        case "entities":
            return EntityTarget(
                conll_file=settings.conll_file,
                scheme=settings.tag_scheme,
                label=settings.entity_type,
                num_shots=settings.shots,
                gazetteer_file=settings.gazetteer_file,
                mention_pattern=settings.mention_pattern,
                classifier_folder=settings.classifier_folder,
                retain_file=settings.retain_file,
                num_prompts=num_prompts,
                device=device,
                seed=seed,
            )
        case _:
            return lab_target(settings.kind, num_prompts)


def _described_target(
    settings: TargetSettings, num_prompts: Mapping[Split, int], max_new_tokens: int, seed: int, device: str
) -> Target:
    for name in FIELDS["custom"]:
        if name != "custom_file" and getattr(settings, name):
            raise UserError(
                f"target.{name} is set, and so is target.custom_file, which says all of a target; leave one out."
            )
    return custom_target(
        Path(settings.custom_file), num_prompts=num_prompts, max_new_tokens=max_new_tokens, seed=seed, device=device
    )
