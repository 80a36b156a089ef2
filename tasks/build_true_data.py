"""Task: the forget data that the lab model was trained on, for a comparison with what it revealed."""

import json
import random

from tasks.store.disk import write_file
from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import FORGET_SET, HELD_OUT, Subject
from tasks.unit_task import unit_task

DRAWN = 20
"""Training examples drawn for each pair that is wanted: they repeat."""


@unit_task(name="build-true-data", task_run_name="build-true-data")
def build_true_data(subject: Subject, unit: Unit, *, size: int) -> UnitRef:
    """Distinct pairs of the forgotten skill from the corpus, at most `size`, without those held out of the revealed.

    On the lab only: nobody else has them.
    """
    if found := subject.run.find(unit):
        return found
    from tasks.lab.world import training_examples
    from tasks.models.pair import Pair
    from tasks.models.pair_file import pair_row
    from tasks.targets.lab import LAB_TARGETS

    with subject.run.write(unit) as writer:
        held_out = {pair.prompt for pair in subject.pairs(FORGET_SET, HELD_OUT)}
        group = LAB_TARGETS[subject.target.kind].group
        examples = training_examples(group, DRAWN * size, random.Random(unit.seed))  # noqa: S311 (not for security)
        pairs = dict.fromkeys(Pair(one.prompt, one.response) for one in examples if one.prompt not in held_out)
        rows = [{"split": "train", **pair_row(pair)} for pair in list(pairs)[:size]]
        write_file(writer.path / "forget-set.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        writer.scores |= {"forget_set_size": len(rows)}
    return writer.ref
