"""Placements asked: chosen for the customer where that may be, and shown to everybody where not."""

from __future__ import annotations

from slots_bank import asked, names, number, placed
from tiny_bank import Bank

from lingque.bootstrap import Application
from lingque.flow.asking import Asking
from lingque.flow.showing import Why


def test_the_most_valuable_is_shown(bank: Bank, loaded: Application) -> None:
    placed(bank, loaded)
    asking = Asking(loaded.services)
    (home,) = asked(asking, number(loaded, 1))
    assert names(home) == ["deposit"]
    assert home.why is None
    (shelf,) = asked(asking, number(loaded, 2), "shelf")
    print(shelf)
    (nobody,) = asked(asking, None)
    assert names(nobody) == ["help"] and nobody.why is Why.ANONYMOUS
