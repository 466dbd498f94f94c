"""A customer's own page: it shows what holds, and a press of a button changes it at once."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest
from calling import Calling, problem_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from lingque.bootstrap import Application
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.govern.contracts import Grounds, OptOut, PermitAsk
from lingque.govern.preferences import LINK_LASTS
from lingque.govern.tables import audit, consents, subjects
from lingque.testing import FixedClock


@pytest.fixture
def customer(application: Application) -> CustomerId:
    with application.services.database.reading() as connection:
        query = select(subjects.c.customer_id).join(consents, consents.c.party_id == subjects.c.party_id).limit(1)
        return CustomerId(connection.execute(query).scalar_one())


@pytest.fixture
def page(api: Calling, customer: CustomerId) -> str:
    url = api.send("PUT", f"/v1/customers/{customer}/preference-link", "carl").json()["url"]
    return str(url).removeprefix("http://127.0.0.1:8000")


def reasons(application: Application, customer: CustomerId, classes: DataClass, *tags: str) -> set[Reason]:
    services = application.services
    ask = PermitAsk(
        purpose=Purpose.MARKETING,
        channel="email",
        data_classes=classes,
        moment=services.clock.now(),
        grounds=Grounds(tags=frozenset(tags)),
    )
    with services.database.reading() as connection:
        answer = services.permits.permit(connection, customer, ask)
    if not isinstance(answer, Refusal):
        return set()
    return {Reason[name] for name in answer.detail.partition(": ")[2].split(", ")}


def forms(answer: httpx.Response) -> dict[str, dict[str, str]]:
    """What each button of the page sends, by what it is said to do."""
    found = {}
    for form in re.findall(r"<form.*?</form>", answer.text):
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
        (spoken,) = re.findall(r'aria-label="([^"]*)"', form)
        found[unescape(spoken)] = {name: unescape(value) for name, value in fields.items()}
    return found


def press(api: Calling, page: str, word: str) -> httpx.Response:
    (fields,) = [fields for spoken, fields in forms(api.get(page)).items() if word in spoken]
    return api.post(page, key=None, data=fields)


def test_looking_changes_nothing_and_the_page_is_plain(
    api: Calling, application: Application, customer: CustomerId, page: str
) -> None:
    def entries() -> int:
        with application.services.database.reading() as connection:
            return connection.execute(select(func.count()).select_from(consents)).scalar_one()

    before = entries()
    answer = api.get(page)
    assert answer.status_code == 200
    assert entries() == before
    assert "<script" not in answer.text
    assert str(customer) not in answer.text
    assert page.removeprefix("/p/") not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    for word in (
        "自动化决策",
        "Automated decisions",
        "近90天支付笔数",
        "Payments within 90 days",
        "电子邮件",
        "e-mail",
    ):
        assert word in answer.text


def test_a_consent_is_withdrawn_and_given_again(
    api: Calling, application: Application, customer: CustomerId, page: str
) -> None:
    assert reasons(application, customer, DataClass.PERSONAL) == set()
    assert "Agree: marketing by e-mail: to be contacted" in str(
        forms(press(api, page, "Withdraw: marketing by e-mail"))
    )
    assert reasons(application, customer, DataClass.PERSONAL) == {Reason.CONSENT_WITHDRAWN}
    press(api, page, "Agree: marketing by e-mail: to be contacted")
    assert reasons(application, customer, DataClass.PERSONAL) == set()
    financial = DataClass.PERSONAL | DataClass.FINANCIAL
    assert reasons(application, customer, financial) == {Reason.NO_CONSENT_FOR_DATA_CLASS}
    press(api, page, "Agree: marketing by e-mail: use of accounts")
    assert reasons(application, customer, financial) == set()
    press(api, page, "Withdraw: marketing by e-mail: use of accounts")
    assert reasons(application, customer, financial) == {Reason.NO_CONSENT_FOR_DATA_CLASS}
    assert reasons(application, customer, DataClass.PERSONAL) == set()
    with application.services.database.reading() as connection:
        newest = connection.execute(select(consents).order_by(consents.c.consent_id.desc())).first()
    assert newest is not None
    assert (newest.evidence, newest.wording_version) == ("preference page", "preference page 1")


def test_automated_decisions_are_refused_and_allowed(
    api: Calling, application: Application, customer: CustomerId, page: str
) -> None:
    press(api, page, "Refuse: Automated decisions")
    assert reasons(application, customer, DataClass.PERSONAL) == {Reason.AUTOMATED_DECISION_REFUSED}
    press(api, page, "Allow: Automated decisions")
    assert reasons(application, customer, DataClass.PERSONAL) == set()


def test_a_tag_is_deleted_and_no_proposal_rests_on_it(
    api: Calling, application: Application, customer: CustomerId, page: str
) -> None:
    press(api, page, "Delete: Payments within 90 days")
    assert reasons(application, customer, DataClass.PERSONAL, "payments_90d", "pays_often") == {Reason.TAG_REFUSED}
    assert reasons(application, customer, DataClass.PERSONAL, "pays_often") == set()
    plan = api.post("/v1/campaigns/card_plus_spring/plans", "mia", json={"as_of": "2026-03-01"}).json()
    assert "TAG_REFUSED" in {entry["reason"] for entry in plan["forecast"]["refusals"]}
    press(api, page, "Restore: Payments within 90 days")
    assert reasons(application, customer, DataClass.PERSONAL, "payments_90d") == set()
    with application.services.database.reading() as connection:
        acts = connection.execute(select(audit.c.act, audit.c.actor).order_by(audit.c.audit_id)).all()[-1]
    assert tuple(acts) == ("allow_tag", f"customer {customer}")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=60)
    | st.fixed_dictionaries(
        {},
        optional={
            "about": st.sampled_from(["consent", "automated", "tag", "x"]),
            "agreed": st.sampled_from(["maybe", "", "YES"]),
            "question": st.sampled_from(["2.1.email", "1.1.email", "2.255.email", "2.1.'; DROP TABLE consents", ""]),
            "tag": st.text(max_size=8),
        },
    )
)
def test_a_form_that_is_none_of_ours_changes_nothing(
    api: Calling, application: Application, page: str, body: bytes | dict[str, str]
) -> None:
    def state() -> list[object]:
        with application.services.database.reading() as connection:
            return [connection.execute(select(func.max(audit.c.audit_id))).scalar_one()]

    before = state()
    options = {"content": body} if isinstance(body, bytes) else {"data": body}
    assert api.post(page, key=None, **options).status_code == 200
    assert state() == before


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_that_is_not_ours_or_over_opens_nothing(
    method: str, api: Calling, application: Application, customer: CustomerId, page: str, clock: FixedClock
) -> None:
    unknown = api.get("/p/unknown")
    assert unknown.status_code == 404
    for place in (3, 10, 20, len(page) - 3):
        changed = page[:place] + ("A" if page[place] != "A" else "B") + page[place + 1 :]
        assert api.send(method, changed).text == unknown.text
    # the link in every message only refuses: it must never show what is known of somebody
    refusing = application.services.opt_outs.token(
        OptOut(customer_id=customer, purpose=Purpose.MARKETING, channel="email")
    )
    assert api.send(method, f"/p/{refusing}").text == unknown.text
    assert api.send(method, page.replace("/p/", "/u/")).status_code == 404
    clock.advance(LINK_LASTS)
    assert api.send(method, page).text == unknown.text


def test_only_who_answers_for_the_customer_makes_a_link(api: Calling, customer: CustomerId) -> None:
    problem_of(api.send("PUT", f"/v1/customers/{customer}/preference-link", "mia"), 403)
