"""Real data, where there is any."""

import os
from pathlib import Path

import pytest

WIKIGOLD = Path(os.environ.get("REVEAL_RELEASE_DATA", "absent")) / "wikigold" / "wikigold.conll.txt"
needs_wikigold = pytest.mark.skipif(not WIKIGOLD.is_file(), reason="needs wikigold in REVEAL_RELEASE_DATA")
