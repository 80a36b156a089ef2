"""Task: what the model must keep saying."""

import json
from pathlib import Path

from tasks.settings.errors import UserError
from tasks.settings.release import ReleaseSettings
from tasks.settings.reveal import RevealSettings
from tasks.store.disk import write_file
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import RETAIN_SET, Subject
from tasks.unit_task import unit_task


@unit_task(name="build-retain-set", task_run_name="build-retain-set")
def build_retain_set(subject: Subject, unit: Unit, *, release: ReleaseSettings, reveal: RevealSettings) -> UnitRef:
    """The retain set: pairs to train on and held-out pairs, one JSON line each with its split."""
    if found := subject.run.find(unit):
        return found
    from tasks.models.generator import TransformersGenerator
    from tasks.models.pair_file import pair_row
    from tasks.release.merge import Checkpoints
    from tasks.targets.own_answers import unshown_answers

    with subject.run.write(unit) as writer:
        lm = subject.load_model()
        Checkpoints(subject.base).require(lm)  # Before anything dear is done with a model that cannot be released.
        generator = TransformersGenerator(lm, batch_size=subject.model.batch_size)
        target = subject.load_target()
        retain = target.retain_set(generator, size=release.retain_size, seed=unit.seed)
        written = unshown_answers(
            target, generator, number=release.retain_written, max_new_tokens=reveal.max_new_tokens, seed=unit.seed
        )
        splits = {"train": [*retain.train, *written], **retain.held_out}
        fitting = {
            name: [p for p in pairs if len(lm.encode_pair(p)[0]) <= lm.context] for name, pairs in splits.items()
        }
        if not all(fitting.values()):
            raise UserError(
                f"target.retain_file holds too few passages of at most {lm.context} tokens, which is all that this "
                "model reads; give shorter ones."
            )
        rows = [{"split": split, **pair_row(pair)} for split, pairs in fitting.items() for pair in pairs]
        write_file(writer.path / Path(RETAIN_SET).name, "".join(json.dumps(row) + "\n" for row in rows))
        writer.scores |= {"pairs": len(rows)}
    return writer.ref
