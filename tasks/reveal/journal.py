"""What a long unit has finished so far: a run that is killed and started again does not ask the model twice."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.store.disk import make_private_folder, write_file

JOURNAL = ".journal"
"""Its folder within a unit's: hidden, so never part of the result."""


class Journal:
    """Results of the dear pieces of work of one unit, in the order in which they were done.

    The work is written as if it were never interrupted; each dear piece goes through `recall`. Started again it walks
    the same way, and what was done before is read instead of done. So whatever decides which piece comes next must
    follow from the seed and from the results alone.

    Args:
        folder: Private to the journal; created.
    """

    def __init__(self, folder: Path):
        make_private_folder(folder)
        self._folder = folder
        self._num_recalled = 0

    def recall(self, work: Callable[[], Any]) -> Any:
        """The result of the next piece of work, done now unless it was done before.

        Args:
            work: Gives a JSON value; whole on the disk before it is returned.
        """
        self._num_recalled += 1
        path = self._folder / f"{self._num_recalled:06d}.json"
        if not path.exists():
            write_file(path, json.dumps(work()))
        return json.loads(path.read_text())
