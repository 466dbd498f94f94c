"""A small bank, loaded once and copied for every test that works on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from calling import Calling
from small_bank import PLANNED_AT, mailbox, set_up, write_files
from surrogates import same_surrogates

from lingque.bootstrap import Application, create_workspace, open_workspace
from lingque.entry.api.app import create_app
from lingque.testing import FixedClock


@pytest.fixture(scope="session")
def loaded_bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank") / "workspace"
    create_workspace(folder)
    write_files(folder)
    clock = FixedClock(PLANNED_AT)
    with same_surrogates(20260301), open_workspace(folder, clock=clock, channels=mailbox) as application:
        keys = set_up(application)
    (folder / "keys.json").write_text(json.dumps(keys), encoding="utf-8")
    return folder


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(PLANNED_AT)


@pytest.fixture
def workspace(loaded_bank: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    shutil.copytree(loaded_bank, folder)
    return folder


@pytest.fixture
def application(workspace: Path, clock: FixedClock) -> Iterator[Application]:
    with open_workspace(workspace, clock=clock, channels=mailbox) as application:
        yield application


@pytest.fixture
def api(application: Application, workspace: Path) -> Calling:
    keys = json.loads((workspace / "keys.json").read_text(encoding="utf-8"))
    return Calling(create_app(application), keys)
