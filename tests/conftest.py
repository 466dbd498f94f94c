"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import settings

# A busy machine is no failure: what hypothesis draws is not timed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

os.environ["COLUMNS"] = "200"  # a terminal's width is asked for once, when it is first used

# Workspaces share what was compiled; it is known by its content, so nothing stale is ever used.
os.environ.setdefault("LINGQUE_WAREHOUSE__KERNELS", str(Path(__file__).parents[1] / ".pytest_cache" / "kernels"))
