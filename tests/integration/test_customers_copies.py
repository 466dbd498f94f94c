"""What a customer is given: the copy, what can be taken elsewhere, the explanation; in JSON and on a page."""

from __future__ import annotations

import json

import pytest
from customers_requests import ON_SQLITE, WHO, done, receive
from sqlalchemy import select
from tiny_bank import (
    MIN,
    audit_of,
    customer_no,
    email_of,
    name_of,
    party_of,
)

from lingque.bootstrap import Application
from lingque.core.labels import Language
from lingque.core.reasons import Reason
from lingque.entry.rights_page import rights_page
from lingque.flow.disclosing import package_for
from lingque.flow.rights import (
    carry_out_correction,
    close_answered,
)
from lingque.govern.rights.requests import RequestKind, RequestState
from lingque.govern.tables import subjects


def test_a_copy_holds_everything_that_is_kept_and_leaves_a_trace(used: Application) -> None:
    services = used.services
    request = receive(used, RequestKind.ACCESS)
    package = done(package_for(services, request.request_id, MIN))
    assert json.loads(json.dumps(package)) == package
    assert package["identifiers"] == [{"email": email_of(WHO), "name": name_of(WHO)}, {"birth_date": "1980-02-29"}]
    assert [row["amount"] for row in package["data"]["transactions"]["rows"]] == ["10,000.00 CNY", "500.00 CNY"]
    assert package["data"]["customers"]["rows"][0]["city"] == "上海"
    assert {tag["tag"]: tag["value"] for tag in package["tags"]}["idle_money"] is True
    assert package["consents"][0] | {"at": ""} == {
        "purpose": "marketing", "channel": "email", "data_classes": ["personal", "financial"], "action": "give",
        "at": "", "wording_version": "v1", "evidence": "branch form",
    }  # fmt: skip
    assert {decision["offer"] for decision in package["decisions"]} == {"term_deposit"}
    surrogates = [str(party_of(used, customer_no(WHO))), str(request.customer_id)]
    assert not any(one in json.dumps(package) for one in surrogates)
    assert others_in(json.dumps(package, ensure_ascii=False)) == []
    (trace,) = audit_of(services, "disclose_customer")
    assert (trace.actor, trace.detail) == ("min", {"request": request.request_id, "kind": "access"})
    assert done(close_answered(services, request.request_id, MIN)).state is RequestState.DONE


def others_in(content: str) -> list[int]:
    return [n for n in range(100) if n != WHO and (email_of(n) in content or name_of(n) in content)]


@ON_SQLITE
def test_what_can_be_taken_elsewhere_is_what_the_customer_brought(used: Application) -> None:
    package = done(package_for(used.services, receive(used, RequestKind.PORTABILITY).request_id, MIN))
    assert {"identifiers", "data"} <= package.keys()
    assert not {"tags", "decisions", "consents"} & package.keys()


@ON_SQLITE
def test_an_explanation_tells_decisions_and_reasons_but_no_secret_list(used: Application) -> None:
    services = used.services
    not_consented = 18  # n % 10 == 8: to personal data only
    with services.database.reading() as connection:
        hidden = Reason.COMPLIANCE_EXCLUSION
        assert hidden.for_customer is Reason.ON_EXCLUSION_LIST
        assert connection.execute(select(subjects)).first() is not None
    package = done(package_for(services, receive(used, RequestKind.EXPLANATION, not_consented).request_id, MIN))
    assert "identifiers" not in package
    (decision,) = package["decisions"]
    assert decision["decision"] == "not proposed"
    assert {"zh": "缺少对敏感数据类别的单独同意", "en": Reason.NO_CONSENT_FOR_DATA_CLASS.label.en} in decision[
        "reasons_against"
    ]


@ON_SQLITE
def test_the_readable_copy_escapes_what_it_shows(used: Application) -> None:
    services = used.services
    request = receive(used, RequestKind.CORRECTION)
    done(carry_out_correction(services, request.request_id, {"name": "<script>alert(1)</script>"}, MIN))
    package = done(package_for(services, receive(used, RequestKind.ACCESS).request_id, MIN))
    for language in ("zh", "en"):
        page = rights_page(package, language)
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "10,000.00 CNY" in page


@ON_SQLITE
@pytest.mark.parametrize("kind", [RequestKind.ACCESS, RequestKind.PORTABILITY, RequestKind.EXPLANATION])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_readable_copy_leaves_nothing_out(kind: RequestKind, language: Language, used: Application) -> None:
    package = done(package_for(used.services, receive(used, kind).request_id, MIN))
    parts = [name for name, content in package.items() if not isinstance(content, str | int)]
    assert rights_page(package, language).count("<h2>") == len(parts)
