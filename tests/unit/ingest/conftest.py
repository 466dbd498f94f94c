"""What the tests of reading share."""

from __future__ import annotations

from pathlib import Path

import pytest
from reading_here import Landing


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    folder = tmp_path / "landing"
    folder.mkdir()
    return Landing(folder)
