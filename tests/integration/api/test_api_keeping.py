"""What compliance and the administrators do over the API: the trail, copies, retention, and customers' rights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from calling import Calling, problem_of
from sqlalchemy import func, insert, select, update

from lingque.bootstrap import Application, open_workspace
from lingque.core.clock import Instant
from lingque.entry.api.app import create_app
from lingque.entry.sealing import sealed_as_time_goes_by
from lingque.flow.keeping import seal_by_itself
from lingque.govern.access import User, add_user
from lingque.govern.api_keys import new_api_key
from lingque.govern.contracts import Role
from lingque.govern.tables import audit, audit_blocks, consent_imports, staged_consents, vault_secrets
from lingque.store.idempotency import idempotent_answers

REQUESTS = "/v1/rights/requests"


@pytest.fixture
def customer(application: Application) -> str:
    with application.services.database.reading() as connection:
        found = application.vault.resolve(connection, namespace="bank/customers", keys=["C7"], mint=False)
    return str(found["C7"])


@pytest.fixture
def more(application: Application, api: Calling) -> Calling:
    """And a second officer, an auditor, and somebody without any role."""
    keys = dict(api.keys)
    with application.services.database.transaction() as connection:
        for name, roles in (
            ("cora", {Role.COMPLIANCE_OFFICER}),
            ("aude", {Role.AUDIT_ADMINISTRATOR}),
            ("nil", set[Role]()),
        ):
            add_user(connection, User(name=name, person=name, roles=frozenset(roles)), at=Instant(0))
            keys[name] = new_api_key(connection, name, at=Instant(0))
    return Calling(api.app, keys)


def received(api: Calling, customer: str, kind: str) -> str:
    answer = api.post(REQUESTS, "carl", json={"kind": kind, "customer_id": customer, "verified": "card"})
    return f"{REQUESTS}/{answer.json()['number']}"


# --- customers' rights -----------------------------------------------------------------------------------------------


def test_an_erasure_takes_a_second_person_and_leaves_nothing_to_be_found(more: Calling, customer: str) -> None:
    found = {"kind": "email", "value": "C7@mail.example"}
    assert more.send("PUT", "/v1/rights/customers", "carl", json=found).json() == {"customers": [customer]}
    number = {"kind": "number", "value": "C7", "system": "bank"}
    assert more.send("PUT", "/v1/rights/customers", "carl", json=number).json() == {"customers": [customer]}
    path = received(more, customer, "erasure")
    own = more.post(f"{path}/erasures", "carl")
    assert problem_of(own, 403)["reason"] == "OWN_WORK"
    done = more.post(f"{path}/erasures", "cora").json()
    assert (done["state"], done["closed_by"]) == ("done", "cora")
    assert any("keyed digest" in line for line in done["outcome"]["elsewhere"])
    assert more.send("PUT", "/v1/rights/customers", "carl", json=found).json() == {"customers": []}
    problem_of(more.get(f"/v1/customers/{customer}", "carl"), 404)
    problem_of(more.post(f"{path}/erasures", "cora"), 409)
    assert more.get("/v1/rights/returned", "carl").json() == {"returned": []}


def test_a_correction_is_kept_nowhere_but_in_the_vault(more: Calling, customer: str, application: Application) -> None:
    path = received(more, customer, "correction")
    problem_of(more.post(f"{path}/restrictions", "carl"), 409)
    body = {"kind": "email", "value": "seven@mail.example"}
    done = more.send("PUT", f"{path}/correction", "carl", json=body).json()
    assert done["outcome"]["corrected"] == ["email"]
    revealed = more.send("PUT", f"/v1/customers/{customer}/reveals/email", "carl", json={"reason": "to see it"})
    assert revealed.json()["value"] == "seven@mail.example"
    with application.services.database.reading() as connection:
        kept = repr(connection.execute(select(idempotent_answers)).all()) + repr(
            connection.execute(select(audit)).all()
        )
    assert "seven@" not in kept


def test_a_restriction_withdraws_what_was_agreed_to(more: Calling, customer: str) -> None:
    path = received(more, customer, "restriction")
    assert more.post(f"{path}/restrictions", "carl").json()["outcome"] == {"consents_withdrawn": 1}
    statements = more.get(f"/v1/customers/{customer}", "carl").json()["statements"]
    assert [one["given"] for one in statements] == [True, False]


# --- the trail -------------------------------------------------------------------------------------------------------


def test_the_trail_is_read_sealed_checked_and_taken_away(
    more: Calling, application: Application, tmp_path: Path
) -> None:
    entries = more.get("/v1/audit/entries?most=3", "aude").json()["entries"]
    assert [one["number"] for one in entries] == [1, 2, 3]
    after = more.get("/v1/audit/entries?after=2&most=1", "carl").json()["entries"]
    assert after == entries[2:]
    sealed = more.post("/v1/audit/seals", "aude").json()
    assert more.get("/v1/audit/entries?most=1", "aude").json()["entries"][0]["sealed"] is True
    noted = f"block={sealed['block']}&digest={sealed['digest']}"
    verdict = more.get(f"/v1/audit/verdict?{noted}", "aude").json()
    assert (verdict["sound"], verdict["faults"], verdict["digest"]) == (True, [], sealed["digest"])
    problem_of(more.get("/v1/audit/verdict?block=1", "aude"), 422)
    archive = more.get("/v1/audit/export", "aude")
    assert archive.headers["content-type"] == "application/zip"
    (tmp_path / "audit.pyz").write_bytes(archive.content)
    checked = subprocess.run([sys.executable, "-I", "-S", str(tmp_path / "audit.pyz")], capture_output=True, check=True)
    assert b"SOUND" in checked.stdout
    with application.services.database.transaction() as connection:
        connection.execute(update(audit).where(audit.c.audit_id == 2).values(actor="nobody"))
    wrong = more.get("/v1/audit/verdict", "aude").json()
    assert not wrong["sound"]
    assert "entry 2 was changed" in wrong["faults"][0]


def test_that_somebody_is_watched_is_told_to_compliance_only(more: Calling, application: Application) -> None:
    with application.services.database.transaction() as connection:
        newest = connection.execute(select(func.max(audit.c.audit_id))).scalar_one()
        detail = {
            "reason": "COMPLIANCE_EXCLUSION",
            "detail": "customer 1: COMPLIANCE_EXCLUSION",
            "compliance": "watched",
        }
        connection.execute(
            insert(audit).values(at=1, actor="lingque", act="refuse_send", subject="customer 1", detail=detail)
        )
    path = f"/v1/audit/entries?after={newest}&most=1"
    assert more.get(path, "carl").json()["entries"][0]["detail"] == detail
    told = more.get(path, "aude").json()["entries"][0]["detail"]
    assert told == {"reason": "ON_EXCLUSION_LIST", "detail": "customer 1: ON_EXCLUSION_LIST"}


def test_what_a_command_wrote_is_sealed_by_itself_and_a_part_at_a_time(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = application.services

    def blocks() -> list[int]:
        with services.database.reading() as connection:
            return list(connection.execute(select(audit_blocks.c.entries).order_by(audit_blocks.c.block)).scalars())

    services.sealer.seal()
    before = blocks()
    with application.writing(), services.database.transaction() as connection:
        services.audit.record(connection, actor="x", act="x", subject="x", detail={})
    assert blocks() == [*before, 1]
    monkeypatch.setattr("lingque.govern.sealing.BLOCK_ENTRIES", 2)
    with services.database.transaction() as connection:
        for _ in range(7):
            services.audit.record(connection, actor="x", act="x", subject="x", detail={})
    services.sealer.seal(most_blocks=2)
    assert blocks() == [*before, 1, 2, 2]
    with sealed_as_time_goes_by(services, seconds=3_600):
        pass
    assert blocks() == [*before, 1, 2, 2, 2, 1]
    assert services.sealer.verify().faults == ()


def test_a_command_is_done_also_where_the_trail_cannot_be_sealed(
    workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_workspace(workspace) as application, application.services.database.transaction() as connection:
        connection.execute(vault_secrets.delete().where(vault_secrets.c.name == "audit seal"))
        application.services.audit.record(connection, actor="x", act="x", subject="x", detail={})
    with open_workspace(workspace) as application:
        seal_by_itself(application.services)
    assert "the audit trail was not sealed" in caplog.text


# --- copies and retention --------------------------------------------------------------------------------------------


def test_copies_are_made_where_the_setting_says_and_nowhere_else(
    more: Calling, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem_of(more.post("/v1/backups", "carl", json={"name": "one"}), 403)
    problem_of(more.post("/v1/backups", "root", json={"name": "one"}), 409)
    monkeypatch.setenv("LINGQUE_BACKUP__FOLDER", "copies")
    with open_workspace(workspace) as application:
        api = Calling(create_app(application), more.keys)
        for name in ("../one", "/one", "..", "a/b", ""):
            problem_of(api.post("/v1/backups", "root", json={"name": name}), 422)
        made = api.post("/v1/backups", "root", json={"name": "one"}).json()
        assert made["rows"] > 100
        assert (workspace / "copies" / "one" / "manifest.json").is_file()
        problem_of(api.post("/v1/backups", "root", json={"name": "one"}), 409)
        assert api.get("/v1/erased", "root").json() == {"erased": {}}


def test_what_is_too_old_is_planned_and_purged(more: Calling) -> None:
    planned = more.get("/v1/retention", "carl").json()["tables"]
    assert {one["table"] for one in planned} == {
        "idempotent_answers",
        "quarantine",
        "corrections",
        "contact_ledger",
        "allotments",
    }
    assert more.post("/v1/retention/purges", "carl").json()["tables"] == planned
    found = more.get("/v1/audit/entries?most=1000", "carl").json()["entries"]
    assert "certify_retention" in {one["act"] for one in found}


# --- consents that wait ----------------------------------------------------------------------------------------------


def test_an_import_that_waits_is_shown_and_decided_on(more: Calling, application: Application, customer: str) -> None:
    row = {
        "position": 0, "party_id": int(customer), "purpose": 2, "channel": "sms", "data_classes": 1,
        "by_guardian": False, "acted_at": 5, "expires_at": None, "wording_version": "v", "evidence": "e", "origin": "o",
    }  # fmt: skip
    with application.services.database.transaction() as connection:
        connection.execute(
            insert(consent_imports).values(
                import_id=1, subject="s", digest="0" * 64, statements=1, state="waiting", submitted_by="ann",
                submitted_at=1,
            )
        )  # fmt: skip
        connection.execute(insert(staged_consents).values(import_id=1, **row))
    shown = more.get("/v1/consent-imports/1", "carl").json()
    assert [(one["channel"], one["standing"], one["statements"]) for one in shown["sorts"]] == [("sms", "first", 1)]
    path = "/v1/consent-imports/1/decisions"
    altered = more.post(path, "carl", json={"digest": "0" * 64, "approved": True})
    assert problem_of(altered, 409)["reason"] == "CHANGED_SINCE_PLAN"
    ended = more.post(path, "carl", json={"digest": "0" * 64, "approved": False}).json()
    assert (ended["state"], ended["recorded"]) == ("rejected", 0)
    assert more.get("/v1/consent-imports", "carl").json() == {"imports": []}
    assert len(more.get("/v1/consent-imports?decided=true", "carl").json()["imports"]) == 1
    assert json.dumps(shown).count(customer) == 0
