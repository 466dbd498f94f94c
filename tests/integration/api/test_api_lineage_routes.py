"""What tags are built on and who uses them, over HTTP."""

from __future__ import annotations

from calling import Calling, problem_of


def test_lineage_is_a_graph_that_ends_in_columns(api: Calling) -> None:
    found = api.get("/v1/tags/pays_often/lineage", "mia").json()
    things = found["things"]
    assert (things[0]["kind"], things[0]["name"]) == ("tag", "pays_often")
    below = {one["name"]: [things[place]["name"] for place in one["built_on"]] for one in things}
    assert below["pays_often"] == ["payments_90d"]
    assert below["payments_90d"] == ["payments.amount"]
    assert below["payments.amount"] == []
    assert found["data_classes"] == ["personal"]
    assert "marketing" in found["purposes"]
    assert "payments_90d" in problem_of(api.get("/v1/tags/payments_9d/lineage", "mia"), 404)["next_step"]


def test_users_are_told_with_their_way(api: Calling) -> None:
    users = api.get("/v1/columns/payments/amount/users", "carl").json()["users"]
    assert users[0]["direct"]
    ways = {(one["user"]["kind"], one["user"]["name"]): one["way"] for one in users}
    assert ways["tag", "pays_often"] == ["payments.amount", "payments_90d", "pays_often"]
    assert any(kind == "campaign" for kind, _ in ways)
    of_tag = api.get("/v1/tags/payments_90d/users", "carl").json()["users"]
    assert [one["way"][0] for one in of_tag] == ["payments_90d"] * len(of_tag)
    problem_of(api.get("/v1/columns/payments/amoun/users", "carl"), 404)
    problem_of(api.get("/v1/columns/customers/email/users", "carl"), 404)
    assert problem_of(api.get("/v1/tags/payments_90d/users", "root"), 403)["reason"] == "ROLE_NOT_ALLOWED"
