import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("REVEAL_RELEASE_DATA", "/nonexistent"))

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="REVEAL_RELEASE_DATA names no folder")
