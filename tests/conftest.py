"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# A busy machine is no failure: what hypothesis draws is not timed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

os.environ["COLUMNS"] = "200"  # a terminal's width is asked for once, when it is first used

# Workspaces share what was compiled; it is known by its content, so nothing stale is ever used.
os.environ.setdefault("LINGQUE_WAREHOUSE__KERNELS", str(Path(__file__).parents[1] / ".pytest_cache" / "kernels"))

COMPILING = ("tests/unit/decide/allocation/", "tests/unit/profile/")
"""Folders of tests that need the same kernels compiled, which takes most of a minute each."""


class OnceCompiled(LoadScopeScheduling):
    """Module by module, and such a folder as one: two workers would compile the same at the same time."""

    def _split_scope(self, nodeid: str) -> str:
        return next((one for one in COMPILING if nodeid.startswith(one)), super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return OnceCompiled(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They go first: whoever comes after them finds the kernels."""
    items.sort(key=lambda item: not item.nodeid.startswith(COMPILING))
