"""From a target's settings to the target."""

from collections.abc import Mapping, Sequence

from tasks.settings.errors import UserError
from tasks.settings.reunlearn import ForgottenTarget
from tasks.settings.target import TargetKind
from tasks.targets.after_others import AfterOthers
from tasks.targets.lab import LAB_TARGETS, lab_target
from tasks.targets.phrases import PhraseTarget
from tasks.targets.target import Split, Target


def build_target(
    *,
    kind: TargetKind,
    phrases: Sequence[str] = (),
    instructions: Sequence[Sequence[str]] = (),
    retain_file: str = "",
    num_prompts: Mapping[Split, int],
    max_new_tokens: int,
    seed: int,
    forgotten: Sequence[ForgottenTarget] = (),
) -> Target:
    """The target of a kind; the arguments are `TargetSettings`' fields and how much is measured.

    Args:
        kind: Of the target.
        phrases: See `TargetSettings`, as for the next two.
        instructions: Of the pool.
        retain_file: Text to keep.
        num_prompts: Held-out prompts of each skill, by split.
        max_new_tokens: Tokens of an answer, at most.
        seed: Of the run.
        forgotten: What the model has forgotten before, and must not show again.

    Raises:
        UserError: a setting of the target is unusable, or set where it has no effect.
    """
    if forgotten:
        measured = {"num_prompts": num_prompts, "max_new_tokens": max_new_tokens, "seed": seed}
        given = {"phrases": phrases, "instructions": instructions, "retain_file": retain_file}
        others = {
            one.watched_as: build_target(**one.target.model_dump(exclude={"retain_file"}), **measured)
            for one in forgotten
        }
        return AfterOthers(build_target(kind=kind, **given, **measured), others)
    if kind == "custom":
        return PhraseTarget(
            phrases=phrases,
            instructions=instructions,
            retain_file=retain_file,
            num_prompts=num_prompts,
            max_new_tokens=max_new_tokens,
            seed=seed,
        )
    given = {"phrases": phrases, "instructions": instructions, "retain_file": retain_file}
    for name, value in given.items():
        if value:
            raise UserError(f"target.{name} is set, but target.kind is {kind}; it is used by target.kind custom only.")
    assert kind in LAB_TARGETS
    return lab_target(kind, num_prompts)
