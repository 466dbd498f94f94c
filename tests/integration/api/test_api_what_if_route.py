"""What would be, if: over HTTP."""

from __future__ import annotations

from calling import Calling, problem_of
from small_bank import AS_OF

WHAT_IFS = "/v1/campaigns/card_plus_spring/what-ifs"


def test_a_what_if_shows_both_outlooks_and_writes_nothing(api: Calling) -> None:
    changes = {"campaign.card_plus_spring.channels.email.capacity": 3, "offer.card_plus.margin": "90"}
    answer = api.post(WHAT_IFS, "mia", json={"as_of": AS_OF.isoformat(), "changes": changes})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["then"]["to_contact"] == 3 < found["now"]["to_contact"]
    assert {one["reason"] for one in found["then"]["refusals"]} > {one["reason"] for one in found["now"]["refusals"]}
    # 3 × (0.2 × 90 yuan − 5 fen)
    assert found["then"]["expected_profit"] == {"minor": 3 * (1_800 - 5), "currency": "CNY"}
    assert api.get("/v1/campaigns/card_plus_spring", "mia").json()["plan"] is None


def test_a_change_that_could_not_be_applied_is_a_problem_at_its_field(api: Calling) -> None:
    body = {"as_of": AS_OF.isoformat(), "changes": {"offer.card_plus.margin": "-1"}}
    problem = problem_of(api.post(WHAT_IFS, "mia", json=body), 422)
    assert "offer.card_plus.margin" in str(problem)
    assert problem_of(api.post(WHAT_IFS, "ann", json=body), 403)["reason"] == "ROLE_NOT_ALLOWED"
    problem_of(api.post(WHAT_IFS, "mia", json={"as_of": AS_OF.isoformat(), "changes": {}}), 422)
