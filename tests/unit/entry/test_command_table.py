"""The table of commands says what the commands say, and costs no command's imports."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from lingque.entry.cli import app
from lingque.entry.cli.commands import COMMANDS, loaded


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_of_a_command_is_what_the_command_says_of_itself(name: str) -> None:
    command = loaded(name)
    assert command.name == name
    said = " ".join(command.help.split("\n\n")[0].split())
    assert said == COMMANDS[name].help


def test_every_command_stands_in_the_help() -> None:
    told = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"})
    assert told.exit_code == 0
    words = " ".join(told.stdout.replace("│", " ").split())
    assert [name for name, place in COMMANDS.items() if f" {name} {place.help}" not in words] == []


def test_a_command_that_is_not_there_is_told_with_one_like_it() -> None:
    told = CliRunner().invoke(app, ["tag", "list"])
    assert told.exit_code == 2
    assert "tags" in told.output


@pytest.mark.parametrize("arguments", ["--help", "--version"])
def test_help_loads_no_command(arguments: str) -> None:
    probe = (
        "import sys; from typer.testing import CliRunner; from lingque.entry.cli import app; "
        f"done = CliRunner().invoke(app, [{arguments!r}]); assert done.exit_code == 0; "
        "print(sorted({'lingque.bootstrap', 'numpy', 'pyarrow', 'sqlalchemy', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
