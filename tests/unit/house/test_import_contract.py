"""The import contract holds, and bites."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
LINTER = Path(sys.executable).parent / "lint-imports"


def lint(project: Path) -> tuple[int, str]:
    done = subprocess.run(
        [str(LINTER), "--no-cache"],
        cwd=project,
        env={"PYTHONPATH": str(project / "src"), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(PROJECT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_house_keeps_it(copy: Path) -> None:
    code, printed = lint(copy)
    assert code == 0, printed


@pytest.mark.parametrize(
    ("place", "planted", "told"),
    [
        ("core/planted.py", "import lingque.store.database", "lingque.core is not allowed to import lingque.store"),
        ("warehouse/planted.py", "import lingque.store.runs", "lingque.warehouse is not allowed to import"),
        ("ingest/planted.py", "import lingque.profile.contracts", "lingque.ingest is not allowed to import"),
        ("decide/planted.py", "import lingque.govern.vault", "imports lingque.govern.vault"),
        ("measure/planted.py", "from lingque.profile.service import Profile", "imports lingque.profile.service"),
        ("flow/planted.py", "import lingque.bootstrap", "lingque.flow is not allowed to import lingque.bootstrap"),
        ("twin/planted.py", "import lingque.catalog.model", "lingque.twin is not allowed to import"),
        ("flow/planted_truth.py", "import lingque.twin.bank", "lingque.flow is not allowed to import lingque.twin"),
    ],
)
def test_a_planted_import_is_found(copy: Path, place: str, planted: str, told: str) -> None:
    (copy / "src" / "lingque" / place).write_text(planted + "\n", encoding="utf-8")
    code, printed = lint(copy)
    assert code == 1, printed
    assert told in " ".join(printed.split())
