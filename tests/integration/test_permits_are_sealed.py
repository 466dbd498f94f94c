"""Only `govern` makes permits: at run time by a seal, and here by reading every module."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest

import lingque
from lingque.core.clock import Instant
from lingque.core.ids import CustomerId
from lingque.core.registries import DataClass, Purpose
from lingque.decide.contracts import Requests
from lingque.govern.contracts import Addresses, Permit, PermitAsk, PermitSet

ASK = PermitAsk(purpose=Purpose.MARKETING, channel="email", data_classes=DataClass(0), moment=Instant(0))
SEALED = {"Permit", "PermitSet", "_SEAL"}
ROOT = Path(lingque.__file__).parent


def made_in(module: Path) -> list[str]:
    """Calls of the two, and any mention of the seal."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in {"Permit", "PermitSet"}:
                found.append(f"line {node.lineno} calls {name}")
        if isinstance(node, ast.ImportFrom) and any(one.name == "_SEAL" for one in node.names):
            found.append(f"line {node.lineno} imports the seal")
        if (isinstance(node, ast.Attribute) and node.attr == "_SEAL") or (
            isinstance(node, ast.Name) and node.id == "_SEAL"
        ):
            found.append(f"line {node.lineno} uses the seal")
        if isinstance(node, ast.Constant) and node.value == "_SEAL":
            found.append(f"line {node.lineno} names the seal")
        if isinstance(node, ast.Attribute) and node.attr == "__new__" and isinstance(node.value, ast.Name):
            found.extend([f"line {node.lineno} goes round the seal"] if node.value.id in SEALED else [])
    return found


def test_no_module_outside_govern_makes_one() -> None:
    modules = sorted(ROOT.rglob("*.py"))
    outside = [module for module in modules if "govern" not in module.relative_to(ROOT).parts]
    assert len(outside) > 50
    assert {str(module.relative_to(ROOT)): made for module in outside if (made := made_in(module))} == {}


def test_the_check_itself_finds_one(tmp_path: Path) -> None:
    module = tmp_path / "smuggler.py"
    module.write_text("from lingque.govern.contracts import Permit, _SEAL\np = Permit(seal=_SEAL)\n", encoding="utf-8")
    assert len(made_in(module)) == 3
    assert made_in(ROOT / "govern" / "permits.py")


@pytest.mark.parametrize("seal", [None, object(), "_SEAL", True])
def test_one_without_the_seal_cannot_be_made(seal: object) -> None:
    with pytest.raises(TypeError, match=r"only lingque\.govern issues permits"):
        Permit(ask=ASK, customer_id=CustomerId(1), seal=seal)
    with pytest.raises(TypeError, match=r"only lingque\.govern issues permits"):
        PermitSet(ask=ASK, customer_ids=np.array([1], dtype=np.int64), refusals={}, seal=seal)


def test_one_without_any_seal_cannot_be_made() -> None:
    with pytest.raises(TypeError):
        Permit(ask=ASK, customer_id=CustomerId(1))  # type: ignore[call-arg]


def test_whatever_decides_on_or_opens_or_sends_to_a_customer_takes_a_permit() -> None:
    """By their types: nobody is decided on without permits, and the vault opens nothing without a permit."""
    assert get_type_hints(Requests)["permits"] == Sequence[PermitSet]
    for opening in (Addresses.release_all, Addresses.release_names):
        assert get_type_hints(opening)["permits"] == Sequence[Permit]
    # the one place where a message for a channel is composed asks for the permit itself
    composing = [
        module.relative_to(ROOT).as_posix()
        for module in ROOT.rglob("*.py")
        if "compose(" in module.read_text(encoding="utf-8") and module.name != "compose.py"
    ]
    assert composing == ["deliver/leave.py"]
    # and no address is opened outside of it but for staff who give a reason
    opening_modules = sorted(
        module.relative_to(ROOT).as_posix()
        for module in ROOT.rglob("*.py")
        if re.search(r"addresses\.release_", module.read_text(encoding="utf-8"))
    )
    assert opening_modules == ["deliver/leave.py", "flow/customers.py", "flow/revealing.py"]
