"""Commands as somebody types them, run in this process."""

from __future__ import annotations

import sys

import pytest
from tiny_bank import Bank

from lingque.entry.cli import main


def typed(bank: Bank, words: str) -> int:
    """`lingque WORDS` in the bank's workspace; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["lingque", *words.split(), "--workspace", str(bank.folder)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


def say(bank: Bank, *arguments: str, code: int = 0) -> None:
    """Run a command in this process; it ends with that code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["lingque", *arguments, "--workspace", str(bank.folder)])
        patch.setenv("COLUMNS", "400")
        with pytest.raises(SystemExit) as ended:
            main()
    assert (ended.value.code or 0) == code
