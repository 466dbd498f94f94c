"""Every error is a problem document, and none of them repeats what was sent or tells what is inside."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

import pytest
from calling import Calling, problem_of
from small_bank import AS_OF

from lingque.bootstrap import MASTER_KEY_FILE, Application, open_workspace
from lingque.core import errors
from lingque.core.errors import (
    AllocationError,
    BusyError,
    ChannelError,
    ConfigurationError,
    DefinitionError,
    ExpressionError,
    LingqueError,
    NotFoundError,
    SourceError,
    VaultError,
    WarehouseError,
)
from lingque.core.errors import Problem as DefinitionProblem
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason
from lingque.core.registries import Purpose
from lingque.entry.api.app import create_app
from lingque.entry.api.statuses import ERROR_STATUSES, REFUSAL_STATUSES, status_of_error, status_of_refusal
from lingque.govern.contracts import OptOut, Principal

PLANS = "/v1/campaigns/card_plus_spring/plans"
APPROVALS = "/v1/campaigns/card_plus_spring/approvals"
SECRET = "6222021234567890123"

WRONG = DefinitionProblem(file="definitions/a.yaml", line=3, field="segment", found="is missing", allowed="name one")


class Failing:
    """An authenticator that cannot tell."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def principal(self, method: str, headers: Mapping[str, str]) -> Principal | None:  # noqa: ARG002 - of the port
        raise self.error


def failing(application: Application, error: Exception) -> Calling:
    return Calling(create_app(application, authenticator=Failing(error)), {})


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (NotFoundError("there is no tag 'x'", next_step="did you mean 'y'?"), 404, "not-found"),
        (BusyError("another process is writing", next_step="wait"), 503, "busy"),
        (DefinitionError([WRONG]), 422, "definitions"),
        (ExpressionError("there is no function 'f'", text="f(x)", next_step="use g"), 422, "expression"),
        (SourceError("a.csv, line 3: a quote is open", next_step="ask for it again"), 422, "source"),
    ],
)
def test_what_the_caller_can_mend_is_told(
    application: Application, error: LingqueError, status: int, kind: str
) -> None:
    problem = problem_of(failing(application, error).get("/v1/me"), status)
    assert problem["type"] == f"urn:lingque:problem:{kind}"
    assert problem["detail"] == error.what.splitlines()[0].rstrip(":")
    assert problem["next_step"] == error.next_step
    assert "instance" not in problem


def test_every_problem_of_the_definitions_is_told(application: Application) -> None:
    problem = problem_of(failing(application, DefinitionError([WRONG, WRONG])).get("/v1/me"), 422)
    assert problem["detail"] == "2 problems in the definitions, nothing was applied"
    assert (
        problem["problems"]
        == [
            {
                "file": "definitions/a.yaml",
                "line": 3,
                "field": "segment",
                "found": "is missing",
                "allowed": "name one",
            }
        ]
        * 2
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigurationError("/srv/bank is not set up"), 500),
        (WarehouseError("/srv/bank/data is unsorted"), 500),
        (VaultError("/srv/bank/keys cannot be read"), 500),
        (AllocationError("the capacity of bank is negative"), 500),
        (ChannelError("mail.bank refuses the password"), 503),
        (LingqueError("something at /srv/bank"), 500),
        (RuntimeError(f"could not handle {SECRET} at /srv/bank"), 500),
        (ValueError("bank"), 500),
    ],
)
def test_what_only_the_operator_can_mend_is_in_the_log_under_an_instance(
    application: Application, caplog: pytest.LogCaptureFixture, error: Exception, status: int
) -> None:
    with caplog.at_level(logging.ERROR, logger="lingque.api"):
        answer = failing(application, error).get("/v1/me")
    problem = problem_of(answer, status)
    assert "bank" not in answer.text
    assert SECRET not in answer.text
    (record,) = caplog.records
    assert problem["instance"].startswith("urn:uuid:")
    assert problem["instance"] in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_every_class_of_the_error_tree_has_a_status() -> None:
    tree = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, LingqueError) and kind is not LingqueError
    }
    assert set(ERROR_STATUSES) == tree


def test_a_new_class_is_answered_like_the_one_above_it() -> None:
    class LostKeyError(VaultError):
        pass

    assert status_of_error(LostKeyError("x")) is ERROR_STATUSES[VaultError]


def test_refusals_are_conflicts_but_for_leave() -> None:
    forbidden = {reason for reason in Reason if status_of_refusal(reason) == 403}
    assert forbidden == set(REFUSAL_STATUSES) - {Reason.UNKNOWN_CUSTOMER}
    assert status_of_refusal(Reason.UNKNOWN_CUSTOMER) == 404
    assert status_of_refusal(Reason.OUTCOME_NOT_YET_KNOWN) == 409


def test_a_vault_that_does_not_open_says_nothing_of_where_it_is(
    api: Calling, application: Application, workspace: Path
) -> None:
    opt_out = OptOut(customer_id=CustomerId(1), purpose=Purpose.MARKETING, channel="email")
    with open_workspace(workspace) as other:  # this one still has to unwrap its secrets
        token = other.services.opt_outs.token(opt_out)
    (application.services.folder / MASTER_KEY_FILE).chmod(0o644)
    answer = api.get(f"/u/{token}")
    assert problem_of(answer, 500)["type"] == "urn:lingque:problem:vault"
    assert "master" not in answer.text


@pytest.mark.parametrize(
    ("path", "body", "location"),
    [
        (PLANS, {"as_of": SECRET}, "body.as_of"),
        (PLANS, {"as_of": int(SECRET)}, "body.as_of"),
        (PLANS, {"as_of": "2026-02-30"}, "body.as_of"),
        (PLANS, {"as_of": 0}, "body.as_of"),
        (PLANS, {"as_of": "2026-03-01T00:00:00"}, "body.as_of"),
        (PLANS, {}, "body.as_of"),
        (PLANS, [SECRET], "body"),
        (PLANS, {"as_of": AS_OF.isoformat(), SECRET: 1}, "body"),
        (APPROVALS, {"digest": SECRET, "approved": True}, "body.digest"),
        (APPROVALS, {"digest": "0" * 64, "approved": SECRET}, "body.approved"),
        (APPROVALS, {"digest": "0" * 64, "approved": 1}, "body.approved"),
        (APPROVALS, {"digest": "0" * 64, "approved": True, "comment": SECRET * 99}, "body.comment"),
        (APPROVALS, {"digest": "0" * 64, "approved": True, "comment": SECRET + "\x00"}, "body.comment"),
        (APPROVALS, {"digest": "0" * 64, "approved": True, "comment": "\ud800"}, "body.comment"),
        (f"/v1/campaigns/{SECRET}/plans", {"as_of": AS_OF.isoformat()}, "path.name"),
    ],
)
def test_an_invalid_field_is_named_and_its_value_not_repeated(
    api: Calling, path: str, body: object, location: str
) -> None:
    # written by json and not by httpx, which cannot send half a surrogate pair
    answer = api.post(path, "mia", content=json.dumps(body), headers={"Content-Type": "application/json"})
    problem = problem_of(answer, 422)
    assert problem["type"] == "urn:lingque:problem:invalid-request"
    assert [entry["location"] for entry in problem["errors"]] == [location]
    assert problem["errors"][0]["message"]
    assert SECRET not in answer.text


def test_a_body_that_is_no_json_is_not_repeated(api: Calling) -> None:
    answer = api.post(PLANS, "mia", content=SECRET + "{", headers={"Content-Type": "application/json"})
    problem_of(answer, 422)
    assert SECRET not in answer.text
    deep = api.post(PLANS, "mia", content="[" * 100_000, headers={"Content-Type": "application/json"})
    problem_of(deep, 400)


@pytest.mark.parametrize("path", [f"/{SECRET}", f"/v1/{SECRET}", f"/u/{SECRET}/more", "/v1/me/", "/docs"])
def test_an_unknown_address_is_a_problem_and_not_repeated(api: Calling, path: str) -> None:
    answer = api.get(path, "mia")
    assert problem_of(answer, 404)["detail"] == "There is nothing at this address."
    assert SECRET not in answer.text


def test_another_method_is_a_problem_that_names_the_right_ones(api: Calling) -> None:
    answer = api.send("DELETE", "/v1/campaigns", "mia")
    problem_of(answer, 405)
    assert answer.headers["allow"] == "GET"
