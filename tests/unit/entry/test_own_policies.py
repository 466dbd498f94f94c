"""Policies that installed packages bring."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from lingque.bootstrap import choices
from lingque.core.errors import ConfigurationError
from lingque.core.reasons import Reason
from lingque.decide.policies import with_own
from lingque.decide.question import Axis, Policy

NO_EMAIL = Policy(name="no_email", axis=Axis.CANDIDATE, reasons=frozenset({Reason.BANK_POLICY}), judge=lambda _: [])
TAKEN = Policy(name="reach", axis=Axis.REACH, reasons=frozenset({Reason.BANK_POLICY}), judge=lambda _: [])
NO_POLICY = "a text"


def installed(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    found = EntryPoints(EntryPoint(name=name, value=f"{__name__}:{name}", group="lingque.policies") for name in names)

    def entry_points(**asked: Any) -> EntryPoints:
        return found.select(**asked)

    monkeypatch.setattr(choices, "entry_points", entry_points)


def test_a_package_brings_a_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "NO_EMAIL")
    assert choices.policies() == (NO_EMAIL,)
    assert with_own(choices.policies())[-1] is NO_EMAIL


def test_nothing_installed_brings_nothing() -> None:
    assert choices.policies() == ()


@pytest.mark.parametrize("name", ["TAKEN", "NO_POLICY"])
def test_what_is_no_policy_with_a_name_of_its_own_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, name)
    with pytest.raises(ConfigurationError, match=rf"{name}' under lingque\.policies is no policy"):
        choices.policies()
