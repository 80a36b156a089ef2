"""Whether programs can be jailed here: some containers do not let anybody make namespaces."""

import pytest

from tasks.sandbox.sandbox import active_layers
from tasks.settings.errors import UserError

try:
    active_layers()
    MISSING = ""
except UserError as error:
    MISSING = str(error)

needs_jail = pytest.mark.skipif(bool(MISSING), reason=MISSING)
"""Skips, and says which layer is missing, where the sandbox refuses to run anything."""
