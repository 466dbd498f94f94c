"""What a campaign did, over HTTP: the whole report, its page, single customers' stories, receipts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from shutil import copytree

import pytest
from calling import Calling, problem_of
from small_bank import AS_OF, PLANNED_AT, mailbox, person
from sqlalchemy import select

from lingque.bootstrap import Application, open_workspace
from lingque.core.clock import datetime_of
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.deliver.tables import deliveries
from lingque.entry.api.app import create_app
from lingque.flow import approve_campaign, plan_campaign, review_campaign, run_campaign
from lingque.flow.customer_files import CustomerFile
from lingque.flow.lists import upload_list
from lingque.flow.story import somebody
from lingque.testing import FixedClock

NAME = "card_plus_spring"
REPORT = f"/v1/campaigns/{NAME}/report"
DECISIONS = f"/v1/campaigns/{NAME}/decisions"
RECEIPTS = "/v1/messages/receipts"
WATCHED = "C0"
TWO_MONTHS = timedelta(days=60) // timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A campaign that has run, two months later. One customer was on a secret list."""

    api: Calling
    application: Application
    watched: CustomerId
    contacted: CustomerId


@pytest.fixture(scope="module")
def ran(loaded_bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("ran") / "workspace"
    copytree(loaded_bank, folder)
    clock = FixedClock(PLANNED_AT)
    with open_workspace(folder, clock=clock, channels=mailbox) as application:
        services = application.services
        who = {user: person(application, user) for user in ("mia", "hua", "carl")}
        secret = folder / "secret.csv"
        secret.write_text(f"customer_no\n{WATCHED}\n", encoding="utf-8")
        listed = CustomerFile(path=secret, column="customer_no", system="bank")
        put = upload_list(services, services.lists, "watched", listed, who["carl"], expires_on=None)
        assert not isinstance(put, Refusal)
        assert put.changed == 1
        plan = plan_campaign(services, NAME, AS_OF, who["mia"])
        assert not isinstance(plan, Refusal)
        assert not isinstance(review_campaign(services, NAME, who["hua"], digest=plan.digest), Refusal)
        assert not isinstance(approve_campaign(services, NAME, who["carl"], digest=plan.digest), Refusal)
        assert not isinstance(run_campaign(services, NAME, who["mia"]), Refusal)
        clock.advance(TWO_MONTHS)
        with services.database.transaction() as connection:
            found = application.vault.resolve(connection, namespace="bank/customers", keys=[WATCHED], mint=False)
        contacted = somebody(services, NAME, "contact")
        assert contacted is not None
        keys = json.loads((folder / "keys.json").read_text(encoding="utf-8"))
        api = Calling(create_app(application), keys)
        yield Ran(api=api, application=application, watched=CustomerId(found[WATCHED]), contacted=contacted)


def test_a_report_has_further_outcomes_parts_and_money(ran: Ran) -> None:
    report = ran.api.get(REPORT, "mia").json()
    mean, never = report["further"]
    assert (mean["name"], mean["kind"], mean["currency"]) == ("payments_next_30d", "mean", None)
    assert mean["effect"]["contacted"]["units"] == report["effect"]["contacted"]["units"]
    assert mean["effect"]["low"] <= mean["effect"]["difference"] <= mean["effect"]["high"]
    # everybody pays once at most: as a mean and as a rate it is the same outcome
    assert mean["effect"]["difference"] == pytest.approx(report["effect"]["difference"])
    assert (never["kind"], never["not_judged"]) == ("proportion", None)
    assert never["effect"]["contacted"] == {"units": report["effect"]["contacted"]["units"], "successes": 0}
    (part,) = report["parts"]
    assert (part["channel"], part["offer"], part["effect"]) == ("email", "card_plus", report["effect"])
    assert report["spent"] == {"email": report["profit"]["cost"]}
    profit = report["profit"]
    assert profit["roi"] == pytest.approx(profit["expected"]["minor"] / profit["cost"]["minor"])
    assert (report["phase"], report["known_by"]) == (None, "2026-04-30T04:00:00Z")
    counts = [step["customers"] for step in report["waterfall"]]
    assert counts == sorted(counts, reverse=True)


def test_a_phase_that_there_was_not_is_not_judged(ran: Ran) -> None:
    report = ran.api.get(REPORT, "mia", params={"phase": "pilot"}).json()
    assert (report["phase"], report["effect"], report["waterfall"]) == ("pilot", None, [])
    assert report["not_judged"] is not None
    problem_of(ran.api.get(REPORT, "mia", params={"phase": "once"}), 422)


@pytest.mark.parametrize(
    ("language", "tag", "said"), [("zh", "zh-CN", "春季优享卡"), ("en", "en", "Card Plus in spring")]
)
def test_the_page_needs_no_network_and_its_policy_allows_none(ran: Ran, language: str, tag: str, said: str) -> None:
    answer = ran.api.get(f"{REPORT}.html", "mia", params={"language": language})
    page = answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-language"] == language
    assert f'<html lang="{tag}">' in page
    assert f"<h1>{said}</h1>" in page
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert answer.headers["content-security-policy"] == (
        f"default-src 'none'; style-src-elem 'sha256-{digest}'; style-src-attr 'unsafe-inline'; form-action 'none'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    assert "<script" not in page
    assert not re.search(r"\b(src|href)=\"(?!#)", page)


def test_the_page_is_in_the_language_of_the_workspace(ran: Ran) -> None:
    assert ran.api.get(f"{REPORT}.html", "mia").headers["content-language"] == "zh"
    problem_of(ran.api.get(f"{REPORT}.html", "mia", params={"language": "de"}), 422)


def test_a_story_tells_what_was_known_weighed_and_done(ran: Ran) -> None:
    story = ran.api.get(f"{DECISIONS}/{ran.contacted}", "mia").json()
    assert (story["customer_id"], story["campaign"], story["as_of"]) == (str(ran.contacted), NAME, "2026-03-01")
    assert story["tags"][0] == {
        "tag": "pays_often",
        "label": {"zh": "活跃支付客户", "en": "Pays often"},
        "type": "boolean",
        "value": True,
    }
    (candidate,) = story["candidates"]
    assert (candidate["offer"], candidate["channel"], candidate["arm"]) == ("card_plus", "email", "contact")
    assert candidate["reasons"] == []
    assert candidate["cost"] == {"minor": 5, "currency": "CNY"}
    assert [message["channel"] for message in story["messages"]] == ["email"]


def test_the_reason_of_a_secret_list_is_told_to_compliance_only(ran: Ran) -> None:
    path = f"{DECISIONS}/{ran.watched}"

    def reasons(user: str) -> list[str]:
        (candidate,) = ran.api.get(path, user).json()["candidates"]
        return [entry["reason"] for entry in candidate["reasons"]]

    assert Reason.COMPLIANCE_EXCLUSION.name in reasons("carl")
    for user in ("mia", "hua", "ann"):
        assert Reason.ON_EXCLUSION_LIST.name in reasons(user)
        assert Reason.COMPLIANCE_EXCLUSION.name not in ran.api.get(path, user).text


def test_a_customer_of_whom_nothing_was_decided_is_not_named(ran: Ran) -> None:
    number = 13800138000
    answer = ran.api.get(f"{DECISIONS}/{number}", "mia")
    assert problem_of(answer, 404)["next_step"]
    assert str(number) not in answer.text
    problem_of(ran.api.get("/v1/campaigns/never_planned/decisions/1", "mia"), 404)
    for wrong in (0, 2**63, "C0"):
        problem_of(ran.api.get(f"{DECISIONS}/{wrong}", "mia"), 422)


def test_receipts_count_once_and_bad_ones_are_named_by_their_place(ran: Ran) -> None:
    with ran.application.services.database.reading() as connection:
        query = select(deliveries.c.message_key, deliveries.c.customer_id).order_by(deliveries.c.delivery_id)
        key, customer = connection.execute(query).first() or ("", 0)
    at = datetime_of(PLANNED_AT) + timedelta(days=1)
    receipts = [
        {"key": key, "outcome": "delivered", "at": at.isoformat(), "note": "给 C5 打过电话"},
        {"key": "1-2-nothing", "outcome": "opened", "at": "2026-03-02T12:00:00+08:00"},
    ]
    assert problem_of(ran.api.post(RECEIPTS, "mia", json=receipts), 403)["reason"] == "ROLE_NOT_ALLOWED"
    taken = ran.api.post(RECEIPTS, "ann", json=receipts)
    assert taken.json() == {
        "read": 2,
        "counted": 1,
        "repeated": 0,
        "outcomes": {"delivered": 1, "opened": 1},
        "problems": [
            {
                "row": 2,
                "field": "key",
                "reason": {
                    "reason": "UNKNOWN_REFERENCE",
                    "code": 608,
                    "label": {"zh": "引用的记录不存在", "en": "refers to a row that was never delivered"},
                },
            }
        ],
    }
    assert "1-2-nothing" not in taken.text
    assert ran.api.post(RECEIPTS, "ann", json=receipts[:1]).json()["repeated"] == 1
    (message,) = ran.api.get(f"{DECISIONS}/{customer}", "mia").json()["messages"]
    assert message["status"] == "delivered"


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": "lost"},
        {"outcome": 1},
        {"at": 0},
        {"at": "2026-03-02T12:00:00"},
        {"at": "2026-02-30T12:00:00Z"},
        {"key": "6222 0212"},
        {"key": 1},
        {"colour": "red"},
    ],
)
def test_a_receipt_that_is_not_as_it_must_be_takes_none(ran: Ran, wrong: dict[str, object]) -> None:
    right = {"key": "1-2-x", "outcome": "opened", "at": "2026-03-02T12:00:00Z"}
    problem = problem_of(ran.api.post(RECEIPTS, "ann", json=[right, {**right, **wrong}]), 422)
    assert problem["errors"][0]["location"].startswith("body.1")
    problem_of(ran.api.post(RECEIPTS, "ann", json=right), 422)
    problem_of(ran.api.post(RECEIPTS, "ann", json=[]), 422)


def test_no_identifier_leaves_by_what_is_read(ran: Ran) -> None:
    for path in (REPORT, f"{REPORT}.html", f"{DECISIONS}/{ran.contacted}", f"{DECISIONS}/{ran.watched}", "/v1/lists"):
        text = ran.api.get(path, "carl").text
        assert "mail.example" not in text
        assert not re.search(r"\bC\d+\b", text), path


@pytest.mark.parametrize("path", [f"{REPORT}.html", f"{DECISIONS}/1", "/v1/lists"])
def test_who_may_not_read_campaigns_reads_nothing_of_them(ran: Ran, path: str) -> None:
    assert problem_of(ran.api.get(path, "root"), 403)["reason"] == "ROLE_NOT_ALLOWED"


def test_a_secret_list_is_shown_to_compliance_only(ran: Ran) -> None:
    def shown(user: str) -> dict[str, tuple[str, bool, int]]:
        lists = ran.api.get("/v1/lists", user).json()["lists"]
        return {entry["name"]: (entry["effect"], entry["secret"], entry["members"]) for entry in lists}

    assert shown("carl") == {"vip": ("audience", False, 0), "watched": ("exclude", True, 1)}
    assert shown("mia") == {"vip": ("audience", False, 0)}


def test_a_decision_is_explained_and_replayed(ran: Ran) -> None:
    found = ran.api.get(f"/v1/customers/{ran.contacted}/decision", "mia").json()
    assert (found["customer_id"], found["campaign"], found["clock"]) == (str(ran.contacted), NAME, "planned")
    (option,) = found["options"]
    assert (option["arm"], option["against"], option["propensity"]) == ("contact", [], 1.0)
    assert option["value"]["minor"] == round(option["response"] * option["margin"]["minor"]) - option["cost"]["minor"]
    again = ran.api.get(f"/v1/decisions/{found['decision_id']}/replay", "mia").json()
    assert (again["same"], again["differences"], again["elsewhere"]) == (True, [], [])
    problem_of(ran.api.get("/v1/decisions/decide-000000000000000000000000/replay", "mia"), 404)
    problem_of(
        ran.api.get(f"/v1/customers/{ran.contacted}/decision", "mia", params={"at": "2020-01-01T00:00:00Z"}), 404
    )


def test_an_explanation_keeps_the_secret_of_a_list(ran: Ran) -> None:
    def against(user: str) -> list[tuple[str, object]]:
        (option,) = ran.api.get(f"/v1/customers/{ran.watched}/decision", user).json()["options"]
        return [(one["reason"]["reason"], one["needs"]) for one in option["against"]]

    assert ("ON_EXCLUSION_LIST", None) in against("mia")
    assert "COMPLIANCE_EXCLUSION" not in [name for name, _ in against("mia")]
    assert ("COMPLIANCE_EXCLUSION", None) in against("carl")
