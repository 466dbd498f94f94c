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
