"""Refusing: a link shows a page and does nothing; a POST withdraws."""

from __future__ import annotations

import re

import pytest
from calling import Calling
from sqlalchemy import select

from lingque.bootstrap import Application
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.govern.contracts import OptOut, Permit, PermitAsk
from lingque.govern.tables import consents, subjects


def permit_of(application: Application, customer: CustomerId) -> Permit | Refusal:
    services = application.services
    ask = PermitAsk(
        purpose=Purpose.MARKETING,
        channel="email",
        data_classes=DataClass.PERSONAL,
        moment=services.clock.now(),
    )
    with services.database.reading() as connection:
        return services.permits.permit(connection, customer, ask)


@pytest.fixture
def customer(application: Application) -> CustomerId:
    """One who agreed."""
    with application.services.database.reading() as connection:
        query = select(subjects.c.customer_id).join(consents, consents.c.party_id == subjects.c.party_id).limit(1)
        found = CustomerId(connection.execute(query).scalar_one())
    assert isinstance(permit_of(application, found), Permit)
    return found


@pytest.fixture
def link(application: Application, customer: CustomerId) -> str:
    opt_out = OptOut(customer_id=customer, purpose=Purpose.MARKETING, channel="email")
    return f"/u/{application.services.opt_outs.token(opt_out)}"


def test_looking_at_the_page_withdraws_nothing(
    api: Calling, application: Application, customer: CustomerId, link: str
) -> None:
    for _ in range(3):
        assert api.get(link).status_code == 200
    assert isinstance(permit_of(application, customer), Permit)


@pytest.mark.parametrize("options", [{"data": {"List-Unsubscribe": "One-Click"}}, {}], ids=["one click", "bare"])
def test_a_post_withdraws_at_once(
    api: Calling, application: Application, customer: CustomerId, link: str, options: dict[str, object]
) -> None:
    answer = api.post(link, key=None, **options)
    assert answer.status_code == 200
    assert "已退订" in answer.text
    refusal = permit_of(application, customer)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.CONSENT_WITHDRAWN


def test_it_can_be_done_again(api: Calling, link: str) -> None:
    assert api.post(link, key=None).status_code == api.post(link, key=None).status_code == 200


def test_it_needs_no_lock_on_the_workspace(
    api: Calling, application: Application, customer: CustomerId, link: str
) -> None:
    with application.writing():
        assert api.post(link, key=None).status_code == 200
    assert isinstance(permit_of(application, customer), Refusal)


@pytest.mark.parametrize("token", ["nothing", "%00", "é", "a" * 3_000, "..", "%3Cscript%3E"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_that_is_not_ours_always_gets_the_same_page(api: Calling, method: str, token: str) -> None:
    answer = api.send(method, f"/u/{token}x")
    assert answer.status_code == 404
    assert answer.text == api.get("/u/unknown").text
    assert "<form" not in answer.text


def test_a_changed_link_withdraws_nothing(
    api: Calling, application: Application, customer: CustomerId, link: str
) -> None:
    for place in (3, 10, 20, len(link) - 3):
        changed = link[:place] + ("A" if link[place] != "A" else "B") + link[place + 1 :]
        assert api.post(changed, key=None).status_code == 404
    assert isinstance(permit_of(application, customer), Permit)


def test_the_page_is_plain_accessible_and_says_nothing_of_the_customer(
    api: Calling, customer: CustomerId, link: str
) -> None:
    answer = api.get(link)
    page = answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="zh-CN">' in page
    assert 'lang="en"' in page
    assert page.count("<h1>") == page.count("<form") == page.count("<button") == 1
    assert "<script" not in page
    assert "http" not in page.removeprefix("<!DOCTYPE html>")
    assert str(customer) not in page
    assert link.removeprefix("/u/") not in page
    assert "电子邮件" in page
    assert "e-mail" in page
    assert "示例银行" in page


def test_the_policy_lets_in_nothing_but_the_style(api: Calling, link: str) -> None:
    headers = api.get(link).headers
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; form-action 'self'; "
        r"frame-ancestors 'none'; base-uri 'none'",
        headers["content-security-policy"],
    )
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_what_the_bank_calls_itself_is_escaped(workspace_named_by_a_joker: Calling) -> None:
    page = workspace_named_by_a_joker.get("/u/x").text
    assert "<b>" not in page
    assert "&lt;b&gt;Bank&lt;/b&gt; $form" in page


@pytest.fixture
def workspace_named_by_a_joker(
    workspace: object, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Calling:
    monkeypatch.setenv("LINGQUE_SENDER__NAME", "<b>Bank</b> $form")
    api: Calling = request.getfixturevalue("api")
    return api
