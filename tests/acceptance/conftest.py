"""A terminal in an empty home, and the files of a real bank."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from shell import COMMAND, PROJECT, Shell


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    home = tmp_path_factory.mktemp("home")
    environment = {
        "PATH": f"{COMMAND.parent}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "HOME": str(home),
        "COLUMNS": "140",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(__file__).parent / "same_surrogates"),
        "LINGQUE_CONTACT__QUIET_FROM": "",
        "LINGQUE_CONTACT__QUIET_TO": "",
        # the same tags need not be compiled for each workspace
        "LINGQUE_WAREHOUSE__KERNELS": os.environ["LINGQUE_WAREHOUSE__KERNELS"],
    }
    return Shell(home, environment)


@pytest.fixture(scope="session")
def berka_files() -> Path:
    """The PKDD'99 files: where LINGQUE_TEST_BERKA says, or in a folder `shared/data/berka` beside the project."""
    named = os.environ.get("LINGQUE_TEST_BERKA")
    folder = Path(named) if named else PROJECT.parent / "shared" / "data" / "berka"
    if not (folder / "account.asc").is_file():
        pytest.skip(f"the Berka files are not in {folder}; they are not part of this project")
    return folder
