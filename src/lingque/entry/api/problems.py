"""Problem documents (RFC 9457): what every error of the API looks like, and how each comes to be one.

Nothing that a caller sent is repeated: a path, a value or a key may be personal data.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lingque.core.errors import DefinitionError, ExpressionError, LingqueError
from lingque.core.reasons import Refusal
from lingque.entry.api.shapes import Labelled
from lingque.entry.api.statuses import UNEXPECTED, status_of_error, status_of_refusal

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:lingque:problem:"

LOG = logging.getLogger("lingque.api")

ANSWERED = (LingqueError, RequestValidationError, HTTPException)
"""What a route may raise; anything else is a fault, and the last resort's."""

# Constant words: what Starlette and FastAPI put into `detail` is not ours to vouch for.
_HTTP_DETAILS = {
    400: "The body cannot be read as the route expects it.",
    401: "This needs a valid API key: 'Authorization: Bearer …', or a session with its token.",
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The body is larger than the API takes.",
}


class DefinitionProblem(BaseModel):
    """One thing wrong in one definition."""

    file: str
    line: int = Field(description="from 1; 0 where the document as a whole is meant")
    field: str
    found: str
    allowed: str


class InvalidField(BaseModel):
    """One field of the request that is not as it must be. The value sent is not repeated."""

    location: str = Field(description="where it stands, such as body.as_of")
    message: str


class Problem(BaseModel):
    """Why a request was not done (RFC 9457)."""

    type: str = Field(description=f"the kind of problem: a URN that begins with {TYPE_PREFIX}")
    title: str
    status: int
    detail: str
    next_step: str | None = Field(default=None, description="what to do now")
    instance: str | None = Field(default=None, description="names this one occurrence; the server's log has it too")
    reason: str | None = Field(default=None, description="name of the reason of a refusal")
    code: int | None = Field(default=None, description="number of the reason; never changes its meaning")
    label: Labelled | None = Field(default=None, description="the reason in words")
    position: int | None = Field(default=None, description="the character of the expression, from 0, that is meant")
    problems: list[DefinitionProblem] | None = Field(default=None, description="everything wrong in the definitions")
    errors: list[InvalidField] | None = Field(default=None, description="everything wrong in the request")


def problem_described(description: str) -> dict[str, Any]:
    """How the OpenAPI document tells of an answer that is a problem document."""
    return {"description": description, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def problem_response(problem: Problem, *, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        problem.model_dump_json(exclude_none=True),
        status_code=problem.status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def request_problem(
    status: int, kind: str, title: str, detail: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """A problem with the request itself. The words are ours and constant."""
    problem = Problem(type=TYPE_PREFIX + kind, title=title, status=status, detail=detail)
    return problem_response(problem, headers=headers)


def refusal_response(refusal: Refusal) -> Response:
    """What law, policy or state forbids."""
    return problem_response(
        Problem(
            type=TYPE_PREFIX + "refused",
            title="Refused",
            status=status_of_refusal(refusal.reason),
            detail=refusal.detail,
            reason=refusal.reason.name,
            code=int(refusal.reason),
            label=Labelled.of(refusal.reason.label),
        )
    )


def error_response(error: LingqueError) -> Response:
    """What went wrong and what to do next; of a fault of the server only where its log says more."""
    row = status_of_error(error)
    headers = {} if row.retry_after is None else {"Retry-After": str(row.retry_after)}
    problem = Problem(type=TYPE_PREFIX + row.kind, title=row.title, status=row.status, detail=_first_line(error.what))
    if isinstance(error, DefinitionError):
        problem.problems = [
            DefinitionProblem(file=one.file, line=one.line, field=one.field, found=one.found, allowed=one.allowed)
            for one in error.problems
        ]
    if isinstance(error, ExpressionError):
        problem.position = error.position
    if row.told:
        problem.next_step = error.next_step or None
    else:
        _hide(problem, error)
    return problem_response(problem, headers=headers)


def unexpected_response(error: Exception) -> Response:
    """The last resort. Says nothing of the exception but under which name the log has it."""
    problem = Problem(type=TYPE_PREFIX + UNEXPECTED.kind, title=UNEXPECTED.title, status=UNEXPECTED.status, detail="")
    _hide(problem, error)
    return problem_response(problem)


def http_status_response(status: int, *, headers: Mapping[str, str] | None = None) -> Response:
    """What the framework refuses before a route is reached."""
    known = HTTPStatus(status)
    detail = _HTTP_DETAILS.get(status, known.description or known.phrase)
    return request_problem(status, known.name.lower().replace("_", "-"), known.phrase, detail, headers=headers)


def answered_error(error: Exception) -> Response:
    """The problem document of any error raised by a route or by the framework."""
    match error:
        case LingqueError():
            return error_response(error)
        case RequestValidationError():
            return _invalid_response(error)
        case HTTPException():
            return http_status_response(error.status_code, headers=error.headers)
        case _:
            return unexpected_response(error)


def answer_errors(app: FastAPI) -> None:
    """Make every error raised by a route or by the framework a problem document."""

    # Async, so that they run where they are called: there is nothing to wait for.
    async def on_error(_request: Request, error: Exception) -> Response:
        return answered_error(error)

    for kind in ANSWERED:
        app.add_exception_handler(kind, on_error)


def _invalid_response(error: RequestValidationError) -> Response:
    return problem_response(
        Problem(
            type=TYPE_PREFIX + "invalid-request",
            title="The request is not as it must be",
            status=422,
            detail="Mend the fields named under 'errors'.",
            errors=[_invalid_field(entry["type"], entry["loc"], entry["msg"]) for entry in error.errors()],
        )
    )


def _invalid_field(kind: str, location: tuple[str | int, ...], message: str) -> InvalidField:
    if kind == "extra_forbidden":  # the last part is a name that the caller made up
        location, message = location[:-1], "There is a field that is not known here"
    return InvalidField(
        location=".".join(str(part) for part in location), message=message.removeprefix("Value error, ")
    )


def _hide(problem: Problem, error: Exception) -> None:
    problem.instance = uuid.uuid4().urn
    problem.detail = "The cause is in the log of the server, under the instance named here."
    problem.next_step = "Tell whoever operates the platform the instance."
    LOG.error("%s %s", problem.instance, type(error).__name__, exc_info=error)


def _first_line(text: str) -> str:
    # what follows are the problems one by one, or the expression with a pointer: told in fields of their own
    return text.split("\n", 1)[0].rstrip(":")
