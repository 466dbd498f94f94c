"""Why this customer got this offer and not that one, and the same decision made again from its log."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_bank import AS_OF, CAMPAIGN, LAWFUL, LIN, MIN, OTTO, Bank, approve, customer_no, party_of, write_csv
from typer.testing import CliRunner

from lingque.bootstrap import Application
from lingque.core.clock import Instant
from lingque.core.errors import NotFoundError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.decide import replay
from lingque.deliver.contracts import Fates
from lingque.entry.cli import app
from lingque.flow import apply, run_campaign
from lingque.flow.customer_files import CustomerFile
from lingque.flow.explaining import Explained, Option, explain_decision
from lingque.flow.lists import upload_list
from lingque.flow.replaying import Replayed, replay_decision
from lingque.flow.services import Services
from lingque.flow.story import somebody

pytestmark = pytest.mark.any_database

SECRET = """
list: watched
label: {zh: 内部名单, en: Watched}
owner: min
effect: exclude
secret: true
"""


def explained(services: Services, customer: int, *, at: int | None = None, offer: str | None = None) -> Explained:
    moment = services.clock.now() if at is None else Instant(at)
    found = explain_decision(services, CustomerId(customer), moment, LIN, offer=offer)
    assert isinstance(found, Explained)
    return found


def only(found: Explained) -> Option:
    (option,) = found.options
    return option


def needs_of(option: Option) -> dict[Reason, str]:
    return {one.reason: "" if one.needs is None else one.needs.en for one in option.against}


def ran(bank: Bank, application: Application) -> Services:
    services = application.services
    approve(services)
    assert isinstance(run_campaign(services, CAMPAIGN, LIN), Fates)
    return services


def somebody_in(services: Services, arm: str) -> CustomerId:
    found = somebody(services, CAMPAIGN, arm)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_a_decision_is_explained_and_made_again(bank: Bank, loaded: Application) -> None:
    services = ran(bank, loaded)
    before = services.clock.now()
    contacted = explained(services, somebody_in(services, "contact"))
    option = only(contacted)
    assert (option.arm, option.against, option.currency) == ("contact", (), "CNY")
    assert option.value == round(option.response * option.margin) - option.losses - option.fatigue - option.cost
    assert (contacted.campaign, contacted.as_of, contacted.clock) == (CAMPAIGN, AS_OF, "planned")
    assert needs_of(only(explained(services, somebody_in(services, "hold_out")))) == {Reason.HELD_OUT: ""}
    refused = needs_of(only(explained(services, somebody_in(services, "none"))))
    assert refused
    assert not set(refused) & {Reason.HELD_OUT, Reason.BETTER_OFFER}

    again = replay_decision(services, contacted.decision_id, LIN)
    assert isinstance(again, Replayed)
    assert (again.same, again.elsewhere, again.campaign) == (True, (), CAMPAIGN)
    assert again.decisions > len(LAWFUL)

    with pytest.raises(NotFoundError, match="nothing was decided"):
        explained(services, contacted.customer_id, at=before - 10**12)
    with pytest.raises(NotFoundError, match="'gold' was not among"):
        explained(services, contacted.customer_id, offer="gold")
    with pytest.raises(NotFoundError, match="no decision 'decide-x'"):
        replay_decision(services, "decide-x", LIN)


@pytest.mark.slow
def test_what_only_compliance_may_know_reads_like_any_other_exclusion(bank: Bank, loaded: Application) -> None:
    bank.define("lists", SECRET)
    services = loaded.services
    assert not isinstance(apply(services, OTTO), Refusal)
    path = write_csv(bank.folder / "l.csv", ("no",), [(customer_no(LAWFUL[0]),)])
    source = CustomerFile(path=path, column="no", system="core")
    assert not isinstance(upload_list(services, services.lists, "watched", source, MIN, expires_on=None), Refusal)
    ran(bank, loaded)
    customer = CustomerId(party_of(loaded, customer_no(LAWFUL[0])))
    assert needs_of(only(explained(services, customer))) == {Reason.ON_EXCLUSION_LIST: ""}
    told = explain_decision(services, customer, services.clock.now(), MIN)
    assert isinstance(told, Explained)
    assert needs_of(only(told)) == {Reason.COMPLIANCE_EXCLUSION: ""}


@pytest.mark.slow
def test_another_version_is_said_and_what_is_gone_is_refused(
    bank: Bank, loaded: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = ran(bank, loaded)
    decision = explained(services, somebody_in(services, "contact")).decision_id
    monkeypatch.setattr(replay, "code_version", lambda: "f" * 16)
    again = replay_decision(services, decision, LIN)
    assert isinstance(again, Replayed)
    assert again.same
    assert [text.split()[0] for text in again.elsewhere] == ["code"]
    bank.replace_in("campaigns", "margin: 180", "margin: 190")
    assert not isinstance(apply(services, OTTO), Refusal)
    refusal = replay_decision(services, decision, LIN)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.CHANGED_SINCE_PLAN


def test_the_command_explains_in_both_languages_and_replays(
    queued_bank: Bank, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with queued_bank.open() as application:
        services = application.services
        customer = somebody_in(services, "contact")
        decision = explained(services, customer).decision_id
    runner = CliRunner()
    shown = runner.invoke(
        app, ["decisions", "explain", str(customer), "--as", "lin", "--workspace", str(queued_bank.folder)]
    )
    assert shown.exit_code == 0, shown.output
    assert decision in shown.output.replace("\n", "")
    again = runner.invoke(app, ["decisions", "replay", decision, "--as", "lin", "--workspace", str(queued_bank.folder)])
    assert again.exit_code == 0, again.output
    assert "✓" in again.output
