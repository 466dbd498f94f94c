"""Denied by default: every route under /v1 asks who calls, before it looks at anything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from calling import Calling, problem_of
from fastapi import APIRouter
from fastapi.routing import APIRoute

from lingque.bootstrap import Application
from lingque.entry.api.app import PUBLIC, ROUTERS, create_app, refuse_unguarded
from lingque.entry.api.guarded import guarded_router
from lingque.govern.contracts import Principal, Role


def guarded_routes() -> Iterator[tuple[str, str]]:
    """Method and template of every route that is not public."""
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            if route.path not in PUBLIC:
                yield from ((method, route.path) for method in route.methods)


def filled(template: str) -> str:
    for name, value in {"name": "card_plus_spring", "customer_id": "1", "user": "mia", "key_id": "0" * 12}.items():
        template = template.replace(f"{{{name}}}", value)
    return template.replace("{kind}", "email")


def test_every_route_but_the_public_ones_stands_under_v1(api: Calling) -> None:
    routes = set(guarded_routes())
    assert len(routes) >= 20
    assert all(path.startswith("/v1/") for _, path in routes)
    documented = {
        (method.upper(), path)
        for path, operations in api.get("/openapi.json").json()["paths"].items()
        for method in operations
    }
    assert {route for route in documented if route[1] not in PUBLIC} == routes


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer lq_nobody"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic bWlhOnNlY3JldA=="},
        {"Authorization": "Bearer lq_a lq_b"},
        {"Authorization": "Bearer " + "x" * 4_000},
    ],
    ids=["none", "unknown key", "no key", "basic", "two keys", "long"],
)
def test_nobody_is_answered_without_a_key(api: Calling, headers: dict[str, str]) -> None:
    for method, template in sorted(guarded_routes()):
        # the body is broken too: who calls comes first
        answer = api.send(method, filled(template), headers=headers, content=b"{")
        problem = problem_of(answer, 401)
        assert answer.headers["www-authenticate"] == 'Bearer realm="lingque"', template
        assert problem["detail"].startswith("This needs a valid API key: 'Authorization: Bearer …', or a session")


def test_a_route_that_is_neither_guarded_nor_public_stops_the_start() -> None:
    careless = APIRouter()
    careless.add_api_route("/v1/secrets", lambda: None)
    with pytest.raises(TypeError, match="/v1/secrets is neither guarded nor public"):
        refuse_unguarded(careless.routes)
    careful = guarded_router("secrets")
    careful.add_api_route("/secrets", lambda: None)
    refuse_unguarded(careful.routes)


def test_another_authenticator_can_stand_in(application: Application) -> None:
    class SignOn:
        def principal(self, method: str, headers: Mapping[str, str]) -> Principal | None:
            user = headers.get("x-signed-on")
            return (
                None
                if user is None or method != "GET"
                else Principal(user=user, person=user, roles=frozenset({Role.ANALYST}))
            )

    api = Calling(create_app(application, authenticator=SignOn()), {})
    assert api.get("/v1/me", headers={"X-Signed-On": "zoe"}).json()["user"] == "zoe"
    problem_of(api.get("/v1/me"), 401)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json"])
def test_probes_and_the_document_need_no_key(api: Calling, path: str) -> None:
    assert api.get(path).status_code == 200
