"""The document tells the truth, and no input it allows makes a route fail."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hypothesis
import pytest
import schemathesis
from calling import Calling
from hypothesis import HealthCheck
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from lingque.bootstrap import Application
from lingque.core.clock import Instant
from lingque.govern.access import User, add_user
from lingque.govern.api_keys import new_api_key

EXAMPLES = 10
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture
def document(api: Calling) -> dict[str, Any]:
    answer = api.get("/openapi.json")
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_route_fails_and_every_answer_is_documented(
    api: Calling, document: dict[str, Any], mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", api.app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == sum(len(methods) for methods in document["paths"].values()) > 50
    for operation in operations:
        if mode is GenerationMode.NEGATIVE and not takes_anything(operation):
            continue
        try_out(operation, mode, f"Bearer {api.keys[who_may(operation.path)]}")


def who_may(path: str) -> str:
    """Each command meets a caller who gets through to it."""
    if path.endswith("/approvals") or path.startswith(
        (
            "/v1/customers", "/v1/legal-bases", "/v1/delegations", "/v1/rights", "/v1/reveals", "/v1/consent-imports",
            "/v1/audit", "/v1/retention",
        )
    ):  # fmt: skip
        return "carl"
    if path.endswith(("/roles", "/password", "/keys", "{key_id}")):
        return "sam"
    if path.startswith(("/v1/users", "/v1/backups", "/v1/erased")):
        return "root"
    if path.endswith("/reviews"):
        return "hua"
    if path.startswith("/v1/decide"):
        return "app"
    return "mia" if "/campaigns" in path else "ann"


def takes_anything(operation: APIOperation) -> bool:
    """Is there anything that could be sent wrongly?"""
    return bool(operation.body.items or operation.headers.items or operation.query.items or "{name}" in operation.path)


def right_name(operation: APIOperation, mode: GenerationMode) -> bool:
    return mode is GenerationMode.POSITIVE and "{name}" in operation.path


def try_out(operation: APIOperation, mode: GenerationMode, authorization: str) -> None:
    # names that are right lead to a campaign that there is; names that are wrong are made up
    named = {"path_parameters": {"name": "card_plus_spring"}} if right_name(operation, mode) else {}

    @hypothesis.given(case=operation.as_strategy(generation_mode=mode, **named))
    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def sent(case: schemathesis.Case) -> None:
        response = case.call(headers={"Authorization": authorization})
        # a wrong parameter whose value is empty does not leave the client: what arrived was right
        arrived = parse_qs(urlsplit(response.request.url).query, keep_blank_values=True)
        if mode is GenerationMode.NEGATIVE and set(case.query or {}) - set(arrived):
            return
        case.validate_response(response, checks=CHECKS)

    sent()


OWN_AFFAIRS = {"get_me", "sign_out", "change_password", "make_key", "list_keys", "revoke_key"}
"""What everybody may do about themselves; keys of somebody else are refused like the rest."""


def test_who_has_no_role_gets_through_no_route_at_all(api: Calling, application: Application) -> None:
    """Whatever is sent, as long as it is understood: every older route too. And nothing in it tells what there is."""
    with application.services.database.transaction() as connection:
        add_user(connection, User(name="nil", person="nil", roles=frozenset()), at=Instant(0))
        key = new_api_key(connection, "nil", at=Instant(0))
    schema = schemathesis.openapi.from_asgi("/openapi.json", api.app)
    wrong: list[str] = []
    for found in schema.get_all_operations():
        operation = found.ok()
        name = operation.definition.raw["operationId"]
        if not operation.path.startswith("/v1/") or name in OWN_AFFAIRS:
            continue
        wrong += answers_but_refusals(operation, f"Bearer {key}")
    assert wrong == []


def answers_but_refusals(operation: APIOperation, authorization: str) -> list[str]:
    """What came of whatever the document allows, where it was not a refusal."""
    known = {"path_parameters": {"name": "card_plus_spring"}} if "{name}" in operation.path else {}
    found: list[str] = []

    @hypothesis.given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE, **known))
    @hypothesis.settings(
        max_examples=2, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    def sent(case: schemathesis.Case) -> None:
        answer = case.call(headers={"Authorization": authorization})
        if answer.status_code not in (403, 422):
            found.append(f"{operation.method} {operation.path}: {answer.status_code} {answer.text[:120]}")

    sent()
    return found


def test_operation_ids_are_the_names_of_what_is_done(document: dict[str, Any]) -> None:
    assert {
        f"{method.upper()} {path}": operation["operationId"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    } == {
        "GET /healthz": "get_health",
        "GET /readyz": "get_readiness",
        "GET /v1/me": "get_me",
        "POST /v1/decide": "ask_decision",
        "PUT /v1/decide/responses": "respond_to_decision",
        "GET /v1/campaigns": "list_campaigns",
        "GET /v1/campaigns/{name}/waves": "list_waves",
        "GET /v1/campaigns/{name}": "get_campaign",
        "POST /v1/campaigns/{name}/plans": "plan_campaign",
        "POST /v1/campaigns/{name}/what-ifs": "what_if_campaign",
        "POST /v1/campaigns/{name}/reviews": "review_campaign",
        "POST /v1/campaigns/{name}/approvals": "decide_on_campaign",
        "POST /v1/campaigns/{name}/moves": "move_campaign",
        "GET /v1/campaigns/{name}/report": "report_campaign",
        "GET /v1/campaigns/{name}/report.html": "show_report",
        "POST /v1/campaigns/{name}/evaluations": "evaluate_campaign",
        "GET /v1/campaigns/{name}/decisions/{customer_id}": "get_decision",
        "GET /v1/customers/{customer_id}/decision": "explain_decision",
        "GET /v1/decisions/{decision_id}/replay": "replay_decision",
        "POST /v1/messages/receipts": "take_receipts",
        "GET /v1/lists": "list_lists",
        "GET /v1/models": "list_models",
        "GET /v1/models/{name}/card": "get_model_card",
        "POST /v1/models/{name}/versions": "train_model",
        "GET /v1/quality": "list_quality",
        "POST /v1/quality/releases": "release_delivery",
        "GET /v1/quarantine": "count_quarantine",
        "GET /v1/definitions/diff": "diff_definitions",
        "GET /v1/tags/{tag}/lineage": "get_lineage",
        "GET /v1/tags/{tag}/users": "list_tag_users",
        "GET /v1/columns/{table}/{column}/users": "list_column_users",
        "POST /v1/tags/{name}/values": "give_tag_values",
        "GET /v1/customers/{customer_id}/live-tags": "get_live_tags",
        "POST /sign-in": "sign_in",
        "DELETE /v1/session": "sign_out",
        "PUT /v1/me/password": "change_password",
        "PUT /v1/me/key": "make_key",
        "GET /v1/users": "list_users",
        "POST /v1/users": "add_user",
        "PUT /v1/users/{user}/roles": "grant_roles",
        "PUT /v1/users/{user}/state": "set_user_state",
        "PUT /v1/users/{user}/password": "give_password",
        "GET /v1/users/{user}/keys": "list_keys",
        "DELETE /v1/users/{user}/keys/{key_id}": "revoke_key",
        "POST /v1/delegations": "delegate",
        "GET /v1/customers/{customer_id}": "get_customer",
        "GET /v1/customers/{customer_id}/360": "get_customer_360",
        "PUT /v1/customers/{customer_id}/reveals/{kind}": "reveal_identifier",
        "POST /v1/customers/{customer_id}/consents": "record_consent",
        "POST /v1/customers/{customer_id}/decision-refusals": "record_decision_refusal",
        "PUT /v1/customers/{customer_id}/preference-link": "make_preference_link",
        "POST /v1/legal-bases": "record_legal_basis",
        "GET /p/{token}": "show_preferences",
        "POST /p/{token}": "change_preferences",
        "GET /v1/rights/requests": "list_requests",
        "GET /v1/segments": "list_segments",
        "PUT /v1/segments/count": "count_segment",
        "PUT /v1/segments/overlap": "compare_segments",
        "GET /v1/segments/{name}/history": "get_segment_history",
        "PUT /v1/segments/{name}/reach": "get_segment_reach",
        "PUT /v1/segments/clusters/{name}": "find_clusters",
        "PUT /v1/segments/{name}/look-alikes": "find_look_alikes",
        "POST /v1/segments/{name}/look-alikes": "keep_look_alikes",
        "POST /v1/segments/freeze": "freeze_segment",
        "POST /v1/rights/requests": "receive_request",
        "GET /v1/rights/requests/{number}": "get_request",
        "POST /v1/rights/requests/{number}/erasures": "erase_customer",
        "POST /v1/rights/requests/{number}/restrictions": "restrict_customer",
        "PUT /v1/rights/requests/{number}/correction": "correct_customer",
        "GET /v1/rights/returned": "list_returned",
        "PUT /v1/rights/customers": "find_customers",
        "GET /v1/reveals": "list_reveals",
        "POST /v1/reveals": "request_reveals",
        "POST /v1/reveals/{number}/decisions": "decide_reveals",
        "PUT /v1/reveals/{number}/values": "open_reveals",
        "GET /v1/consent-imports": "list_consent_imports",
        "GET /v1/consent-imports/{number}": "get_consent_import",
        "POST /v1/consent-imports/{number}/decisions": "decide_consent_import",
        "GET /v1/audit/entries": "list_audit_entries",
        "POST /v1/audit/seals": "seal_audit",
        "GET /v1/audit/verdict": "verify_audit",
        "GET /v1/audit/export": "export_audit",
        "POST /v1/backups": "make_backup",
        "GET /v1/erased": "list_erased",
        "GET /v1/retention": "plan_retention",
        "POST /v1/retention/purges": "run_retention",
        "GET /v1/rights/requests/{number}/package": "get_package",
        "POST /v1/rights/requests/{number}/answers": "answer_request",
        "POST /v1/rights/requests/{number}/refusals": "refuse_request",
        "GET /u/{token}": "show_opt_out",
        "POST /u/{token}": "opt_out",
    }


def test_errors_are_documented_as_problems_and_guarded_routes_as_such(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["api_key"]["scheme"] == "bearer"
    assert document["info"]["title"] == "Lingque 灵鹊"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            guarded = path.startswith("/v1/")
            assert ("security" in operation) is guarded
            names = {parameter["name"] for parameter in operation.get("parameters", [])}
            assert ("Idempotency-Key" in names) is (guarded and method == "post" and path != "/v1/decide")
            for status, answer in operation["responses"].items():
                if status.startswith(("4", "5")) and "text/html" not in answer["content"]:
                    (described,) = answer["content"].values()
                    assert list(answer["content"]) == ["application/problem+json"]
                    assert described["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_every_reference_in_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    referred = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert referred <= set(document["components"]["schemas"])
