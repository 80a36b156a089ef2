"""A disk that is full at a random moment of a night: the night says so, and the next one, with room, finishes it.

The disk is a tmpfs of a random size below what a night needs, which only root may mount. Elsewhere no file may grow
beyond a random size, which a process may ask of itself: coarser, since small files are never refused.
"""

import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.attempt import attempt
from tests.chaos.kills import goes_on, problems, say, spend_undisturbed
from tests.chaos.night import Scene

ROOM = 2**28
"""Bytes of a disk with room."""


def disturbed(prepared: Path, folder: Path, times: int, chance: random.Random) -> Iterator[list[str]]:
    """Fill so many disks; yields what was wrong with each."""
    whole, _ = spend_undisturbed(prepared, folder)
    sizes = [path.stat().st_size for path in whole.folder.rglob("*") if path.is_file()]
    for number in range(1, times + 1):
        share = ((number - chance.random()) / times) ** 2  # Small ones more often: much happens in the first files.
        with tmpfs(folder / "disk") as disk:
            scene = Scene(prepared, (disk or folder) / "scene").begin()
            size = int(share * (sum(sizes) if disk else max(sizes)))
            if disk:
                resize(disk, shutil.disk_usage(disk).used + size)
            what = f"{size} bytes free" if disk else f"files of at most {size} bytes"
            ended = attempt(scene.spend, scene.folder, largest_file=None if disk else size)
            wrong = [f"it ended with {ended.code}: {ended.words}"] if ended.code != 2 else []
            wrong += problems(scene.check_published)
            finished = scene.ends()
            if disk:
                resize(disk, ROOM)
            wrong += goes_on(scene, whole, finished)
            say(f"{number}, {what}, {len(finished)} units finished", wrong)
            shutil.rmtree(scene.folder)
        yield wrong


@contextmanager
def tmpfs(folder: Path) -> Iterator[Path | None]:
    """A disk in memory, for the block; None where it may not be mounted."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=700", "tmpfs", str(folder)]
    try:
        is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        is_mounted = False
    try:
        yield folder if is_mounted else None
    finally:
        if is_mounted:
            subprocess.run(["umount", str(folder)], check=True)


def resize(disk: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)
