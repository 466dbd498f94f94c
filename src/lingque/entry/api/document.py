"""The OpenAPI document. What all guarded routes share is added here, so that no route has to say it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import JSONResponse

from lingque.entry.api.guarded import PREFIX
from lingque.entry.api.once import KEY_HEADER, KEY_PATTERN, REPLAYED_HEADER
from lingque.entry.api.problems import Problem, problem_described

PATH = "/openapi.json"
SCHEME = "api_key"
ASKED_ANEW = "x-asked-anew"
"""Marks a command that is another one each time: it takes no idempotency key."""
_REFERENCE = "#/components/schemas/{model}"

_OF_ALL = {
    "413": "The body is too large",
    "422": "The request is not as it must be",
    "500": "A fault of the server; its log has the instance named",
    "503": "Busy, or not ready; ask again after Retry-After",
}
_OF_GUARDED = {
    "401": "No valid API key",
    "403": "Refused: the role does not allow it, or it is the caller's own work",
    "404": "There is no such thing",
    "409": "Refused in the present state; the reason says why",
}
_OF_COMMANDS = {"400": f"No usable {KEY_HEADER}, or a body that cannot be read"}


class DocumentedApi(FastAPI):
    """FastAPI, whose document tells of problems, the key and idempotency."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = _completed(super().openapi())
        return self.openapi_schema


router = APIRouter(tags=["operation"])


# A route like any other, so that it stands among the public ones and in the log under its name.
@router.get(PATH, include_in_schema=False)
def get_document(request: Request) -> JSONResponse:
    app: FastAPI = request.app
    return JSONResponse(app.openapi())


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    components = document.setdefault("components", {})
    components["securitySchemes"] = {
        SCHEME: {"type": "http", "scheme": "bearer", "description": "An API key, made by 'lingque users key'."}
    }
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template=_REFERENCE)
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own form, which nobody gets
        schemas.pop(unused, None)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(operation, guarded=path.startswith(PREFIX + "/"), method=method)
    return document


def _complete(operation: dict[str, Any], *, guarded: bool, method: str) -> None:
    responses = operation["responses"]
    described = responses.get("422", {}).get("content", {})
    if "application/json" in described:  # FastAPI's default for whatever has parameters
        del responses["422"]
    shared = dict(_OF_ALL)
    if "requestBody" in operation:
        shared["400"] = "A body that cannot be read"
    if guarded:
        operation["security"] = [{SCHEME: []}]
        shared |= _OF_GUARDED
        if method == "post" and not operation.pop(ASKED_ANEW, False):
            shared |= _OF_COMMANDS
            operation.setdefault("parameters", []).append(_key_parameter())
            responses["200"]["headers"] = {
                REPLAYED_HEADER: {
                    "description": "true where the answer was kept from before",
                    "schema": {"type": "string", "enum": ["true"]},
                }
            }
    for status, description in shared.items():
        responses.setdefault(status, problem_described(description))


def _key_parameter() -> dict[str, Any]:
    return {
        "name": KEY_HEADER,
        "in": "header",
        "required": True,
        "description": "New for every command. Repeated with the same request, it is answered and not done again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": KEY_PATTERN},
    }
