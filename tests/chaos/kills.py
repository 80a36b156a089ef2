"""Stop a night at random moments, have the next one finish it, and compare with one that was not stopped.

    python -m tests.chaos.kills --kills 40 --seed 0         SIGKILL of a process that calls the units without Prefect
    python -m tests.chaos.kills --kills 10 --full-disk      the disk is full
    python -m tests.chaos.kills --kills 10 --under-prefect   SIGKILL of flow process, worker and server

After each: what is published is whole and no ledger is broken. After the next night: both ledgers verify, the model is
in production and on record, no unit that was finished was made again, and every file that holds no times has the same
bytes. Exit code 1 where any of this does not hold. Half of the kills without Prefect hit an operation on files, spread
over all that a night does, publication and ledgers included; the other half are spread over its CPU time.
"""

import argparse
import gc
import logging
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from tasks.settings.errors import UserError
from tests.chaos.attempt import Ended, Moment, attempt
from tests.chaos.night import Scene, prepare

IMPORTED = ("flows.reunlearn", "peft", "tasks.assess.measure", "tasks.release.step", "tasks.reveal.reveal")
"""What a night imports on its way."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--full-disk", action="store_true")
    how.add_argument("--under-prefect", action="store_true")
    arguments = parser.parse_args()
    import_everything()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        prepared = Path(folder) / "prepared"
        prepare(prepared)
        if arguments.under_prefect:
            from tests.chaos.under_prefect import disturbed
        elif arguments.full_disk:
            from tests.chaos.full_disk import disturbed
        else:
            disturbed = killed
        chance = random.Random(arguments.seed)
        num_wrong = sum(bool(wrong) for wrong in disturbed(prepared, Path(folder), arguments.kills, chance))
    print(f"{arguments.kills} disturbed, {num_wrong} of them did not end as if nothing had happened")  # noqa: T201
    return int(num_wrong > 0)


def killed(prepared: Path, folder: Path, kills: int, chance: random.Random) -> Iterator[list[str]]:
    """Kill so many nights, each once; yields what was wrong after each."""
    whole, undisturbed = spend_undisturbed(prepared, folder)
    for number, moment in enumerate(moments(kills, undisturbed, chance), start=1):
        scene = Scene(prepared, folder / "killed").begin()
        while not attempt(scene.spend, scene.folder, kill_at=moment).is_killed:  # It was quicker than the undisturbed.
            shutil.rmtree(scene.folder)
            scene.begin()
            moment = Moment(cpu_s=0.9 * moment.cpu_s)
        wrong, finished = problems(scene.check_published), scene.ends()
        wrong += goes_on(scene, whole, finished)
        say(f"kill {number} at {moment}, {len(finished)} units finished", wrong)
        shutil.rmtree(scene.folder)
        yield wrong


def spend_undisturbed(prepared: Path, folder: Path) -> tuple[Scene, Ended]:
    """What all others are compared with, and what it took."""
    whole = Scene(prepared, folder / "whole").begin()
    ended = attempt(whole.spend, whole.folder)
    assert ended.code == 0, ended.words
    whole.check_finished()
    took = f"{ended.cpu_s:.1f} CPU-s, {ended.operations} operations on files"
    print(f"undisturbed: {took}, {len(whole.contents())} files to compare", flush=True)  # noqa: T201
    return whole, ended


def say(what: str, wrong: list[str]) -> None:
    print(f"{what}: {'; '.join(wrong) or 'ends as if nothing had happened'}", flush=True)  # noqa: T201


def moments(kills: int, undisturbed: Ended, chance: random.Random) -> list[Moment]:
    """Spread over the operations of a night, and over its CPU time, in turns; in no order."""
    spread = [(number + chance.random()) / kills for number in range(kills)]
    chance.shuffle(spread)
    return [
        Moment(cpu_s=0.95 * share * undisturbed.cpu_s)
        if number % 2
        else Moment(operation=1 + int(share * undisturbed.operations))
        for number, share in enumerate(spread)
    ]


def goes_on(scene: Scene, whole: Scene, finished: dict[str, str]) -> list[str]:
    """Spend the next night, and say what is then not as it should be."""
    ended = attempt(scene.spend, scene.folder)
    if ended.code:
        return [f"the next night ended with {ended.code}: {ended.words}"]
    return differences(scene, whole, finished)


def differences(scene: Scene, whole: Scene, finished: dict[str, str]) -> list[str]:
    """What is not as if nothing had happened, in a scene whose night is finished.

    Args:
        scene: Where a night was disturbed.
        whole: Where none was.
        finished: Units that were complete when it was disturbed, with their ends.
    """
    wrong = problems(scene.check_finished)
    expected, got = whole.contents(), scene.contents()
    wrong += [f"{name} differs" for name in sorted(expected.keys() | got.keys()) if expected.get(name) != got.get(name)]
    return wrong + [f"{unit} was made again" for unit, end in finished.items() if scene.ends().get(unit) != end]


def problems(check: Callable[[], None]) -> list[str]:
    """What a check of the scene complains of."""
    try:
        check()
    except (AssertionError, UserError) as error:
        return [f"{check.__name__}: {error}"]
    return []


def import_everything() -> None:
    """Before the first fork, so that an attempt costs its work alone; with one thread, since others end at a fork."""
    import torch

    for name in IMPORTED:
        import_module(name)
    torch.set_num_threads(1)
    logging.disable(logging.CRITICAL)
    gc.freeze()


if __name__ == "__main__":
    raise SystemExit(main())
