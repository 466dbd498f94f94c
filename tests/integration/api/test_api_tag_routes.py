"""Live tags of one customer, and values of manual tags, over HTTP."""

from __future__ import annotations

import pytest
from calling import Calling, problem_of
from small_bank import AS_OF
from sqlalchemy import select

from lingque.bootstrap import Application
from lingque.core.reasons import Refusal
from lingque.flow import apply, run_tags
from lingque.govern.access import principal_of
from lingque.govern.tables import audit, subjects

TAGS = """
tag: hobby
label: {zh: 爱好, en: Hobby}
family: relationship
manual: {type: text, allowed: [golf, 茶艺]}
---
tag: paid_live
label: {zh: 近一年实时支付额, en: Paid within a year by now}
family: payments
from: payments
window: 12 months
value: sum(amount)
clock: live
"""
VALUES = "/v1/tags/hobby/values"


@pytest.fixture
def customer(application: Application) -> int:
    """Somebody of a bank in which these tags are in force."""
    services = application.services
    (services.folder / "definitions" / "more.yaml").write_text(TAGS, encoding="utf-8")
    with services.database.reading() as connection:
        ann = principal_of(connection, "ann")
        found = connection.execute(select(subjects.c.customer_id).order_by(subjects.c.customer_id)).scalars().first()
    assert not isinstance(apply(services, ann), Refusal)
    assert found is not None
    return int(found)


def test_live_tags_are_told_with_what_was_known(api: Calling, application: Application, customer: int) -> None:
    path = f"/v1/customers/{customer}/live-tags"
    assert "live fill" in problem_of(api.get(path, "mia"), 404)["next_step"]
    with application.services.database.reading() as connection:
        ann = principal_of(connection, "ann")
    assert not isinstance(run_tags(application.services, AS_OF, ann), Refusal)
    answer = api.get(path, "mia")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["customer_id"], told["daily_as_of"]) == (str(customer), AS_OF.isoformat())
    (tag,) = told["tags"]
    assert (tag["tag"], tag["type"]) == ("paid_live", "money in CNY")
    assert tag["value"] is None or tag["value"] > 0
    assert [(one["table"], one["is_newest"]) for one in told["tables"]] == [("payments", True)]
    assert problem_of(api.get(path, "ann"), 403)["reason"] == "ROLE_NOT_ALLOWED"
    problem_of(api.get("/v1/customers/7/live-tags", "mia"), 404)
    with application.services.database.reading() as connection:
        seen = connection.execute(select(audit.c.subject).where(audit.c.act == "show_live")).scalars().all()
    assert seen == [f"customer {customer}"]


def test_values_are_given_and_taken_back(api: Calling, application: Application, customer: int) -> None:
    rows = [
        {"customer_id": str(customer), "value": "golf"}, {"customer_id": "7", "value": "golf"},
        {"customer_id": str(customer), "value": "chess"},
    ]  # fmt: skip
    given = api.post(VALUES, "mia", json={"values": rows, "expires_on": "2027-01-01"})
    assert given.json() == {"rows": 3, "changed": 1, "unknown": [2], "invalid": [3]}
    again = api.post(VALUES, "ann", json={"values": rows[:1], "expires_on": "2027-01-01"})
    assert again.json() == {"rows": 1, "changed": 0, "unknown": [], "invalid": []}
    back = api.post(VALUES, "mia", json={"values": [{"customer_id": str(customer), "value": None}]})
    assert back.json()["changed"] == 1
    with application.services.database.reading() as connection:
        kept = connection.execute(select(audit.c.actor, audit.c.detail).where(audit.c.act == "give_tag")).all()
    assert [row.actor for row in kept] == ["mia", "ann", "mia"]
    assert "golf" not in str(kept)


def test_what_cannot_be_given_is_refused(api: Calling, customer: int) -> None:
    row = {"customer_id": str(customer), "value": "golf"}
    assert problem_of(api.post(VALUES, "hua", json={"values": [row]}), 403)["reason"] == "ROLE_NOT_ALLOWED"
    assert (
        "paid_live" in problem_of(api.post("/v1/tags/paid_live/values", "mia", json={"values": [row]}), 404)["detail"]
    )
    for values in ([], [{"customer_id": "-1", "value": "x"}], [{"customer_id": "1"}], [row | {"name": "x"}]):
        problem_of(api.post(VALUES, "mia", json={"values": values}), 422)
