"""Segments of a loaded bank: counted as typed, listed, compared; what is wrong is said at its character."""

from __future__ import annotations

import pytest
from tiny_bank import AS_OF, CUSTOMERS, LAN, OTTO, PRINCIPALS, Bank
from typer.testing import CliRunner, Result

from lingque.core.errors import DefinitionError, ExpressionError, NotFoundError
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass
from lingque.entry.cli.segments import segments_app
from lingque.flow import apply, run_tags
from lingque.flow.segments import Counted, Overlap, count_segment, list_segments, overlap_of
from lingque.flow.services import Services

pytestmark = pytest.mark.any_database

MORE = """
tag: rich
label: {zh: 余额较高, en: More than others}
family: value
value: latest_balance >= cny(30050) and transactions_12m >= 2
---
tag: rich_saver
label: {zh: 余额较高且有定期, en: More and a deposit}
family: value
value: rich and deposits_3m > 0
---
tag: nobody
label: {zh: 空客群, en: Nobody}
family: value
value: transactions_12m > 1000 and idle_money
"""


def invoke(bank: Bank, *arguments: str, user: str = "lan") -> Result:
    return CliRunner().invoke(segments_app, [*arguments, "--as", user, "-w", str(bank.folder)])


def counted(services: Services, text: str) -> Counted:
    found = count_segment(services, text, LAN)
    assert isinstance(found, Counted), found
    return found


def test_a_condition_is_counted_as_it_is_typed(bank: Bank) -> None:
    bank.define("more", MORE)
    with bank.open() as application:
        services = application.services
        assert not isinstance(apply(services, OTTO), Refusal)
        early = count_segment(services, "rich", LAN)
        assert isinstance(early, Refusal)
        assert (early.reason, "'rich' is new" in early.detail) == (Reason.CHANGED_SINCE_PLAN, True)
        assert not isinstance(run_tags(services, AS_OF, OTTO), Refusal)

        found = counted(services, "rich")
        assert (found.customers, found.count, found.as_of) == (CUSTOMERS, 50, AS_OF)
        assert [(part.text, part.alone, part.left) for part in found.parts] == [
            ("latest_balance >= cny(30050)", 50, 50),
            ("transactions_12m >= 2", 100, 50),
        ]
        assert found.lineage.classes == DataClass.FINANCIAL
        assert counted(services, "not rich").count == 50
        assert counted(services, "rich and not idle_money").count == 0
        nobody = counted(services, "nobody")
        assert (nobody.count, [part.alone for part in nobody.parts]) == (0, [0, 100])

        listed = list_segments(services, LAN)
        assert not isinstance(listed, Refusal)
        assert {one.tag.name: one.count for one in listed[1]} == {
            "idle_money": 100, "rich": 50, "rich_saver": 0, "nobody": 0,
        }  # fmt: skip
        common = overlap_of(services, ["rich", "idle_money", "deposits_3m = 1"], LAN)
        assert isinstance(common, Overlap)
        assert common.matrix == ((50, 50, 0), (50, 100, 1), (0, 1, 1))
        with pytest.raises(NotFoundError, match="21 segments"):
            overlap_of(services, ["rich"] * 21, LAN)

    printed = invoke(bank, "count", "rich and deposits_3m = 0").stdout
    assert "50 位客户，占 100 的 50.00%" in printed
    assert "deposits_3m = 0" in printed
    assert "rich_saver" in invoke(bank, "list").stdout
    assert "100%" in invoke(bank, "overlap", "rich", "idle_money").stdout


def test_what_cannot_be_counted_says_why(bank: Bank) -> None:
    with bank.open() as application:
        services = application.services
        with pytest.raises(ExpressionError) as wrong:
            counted(services, "idle_money and latest_balanc > cny(1)")
        assert (wrong.value.position, wrong.value.next_step) == (15, "did you mean 'latest_balance'?")
        with pytest.raises(ExpressionError, match="must be true or false"):
            counted(services, "latest_balance")
        with pytest.raises(ExpressionError, match="opens_deposit_30d"):
            counted(services, "opens_deposit_30d")  # it looks forward
        with pytest.raises(NotFoundError, match="no snapshot as of 2020-01-01"):
            count_segment(services, "idle_money", LAN, as_of=AS_OF.replace(year=2020, month=1))
        for user in ("min", "hua", "otto", "root"):
            denied = count_segment(services, "idle_money", PRINCIPALS[user])
            assert isinstance(denied, Refusal)
            assert denied.reason is Reason.ROLE_NOT_ALLOWED

        # a tag that a segment is built on is withdrawn, a segment is built on itself: nothing is applied
        bank.define("more", MORE)
        assert not isinstance(apply(services, OTTO), Refusal)
        assert not isinstance(run_tags(services, AS_OF, OTTO), Refusal)
        bank.define("more", MORE[MORE.index("tag: rich_saver") :])
        with pytest.raises(DefinitionError, match="tag rich: is withdrawn while in use by tag rich_saver"):
            apply(services, OTTO)
        bank.define("more", MORE.replace("value: latest_balance >= cny(30050)", "value: rich_saver"))
        with pytest.raises(DefinitionError, match="is built on itself: rich"):
            apply(services, OTTO)
        # what is withdrawn, once nothing is built on it, cannot be counted any more
        bank.define("more", "")
        assert not isinstance(apply(services, OTTO), Refusal)
        with pytest.raises(ExpressionError, match="there is no 'rich' here"):
            counted(services, "rich")
        # what is defined anew is not counted by what it was
        bank.define("more", MORE.replace("cny(30050)", "cny(30060)"))
        assert not isinstance(apply(services, OTTO), Refusal)
        stale = count_segment(services, "rich", LAN)
        assert isinstance(stale, Refusal)
        assert "is defined anew since the snapshot" in stale.detail
