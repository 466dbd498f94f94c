"""The main job on a real bank's files, through the command line, to a real mail server.

The way is walked once; each test looks at another part of what was printed and sent.
"""

from __future__ import annotations

import math
import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest
from shell import PROJECT, Shell

from lingque.entry.mailbox import Mailbox, ReceivedMail, open_mailbox

AS_OF = "1994-03-30"


@dataclass
class Walked:
    """What each command printed, and what arrived."""

    printed: dict[str, str] = field(default_factory=dict)
    commands: set[str] = field(default_factory=set)
    mails_before_approval: int = 0
    mails: list[ReceivedMail] = field(default_factory=list)
    transmissions: int = 0


@pytest.fixture(scope="module")
def walked(shell: Shell, berka_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Walked:
    workspace = tmp_path_factory.mktemp("berka") / "berka"
    shutil.copytree(PROJECT / "examples" / "berka", workspace, ignore=shutil.ignore_patterns("data", "keys"))
    result = Walked()
    mailbox = Mailbox()
    with open_mailbox(mailbox) as port:
        bank = shell.at(workspace, LINGQUE_WORKSPACE__LANDING=str(berka_files), LINGQUE_SMTP__PORT=str(port))

        def step(name: str, *arguments: str, exit_code: int = 0) -> None:
            result.printed[name] = bank.in_this_process(*arguments, exit_code=exit_code)
            result.commands.add(shlex.join(["lingque", *arguments]))

        campaign = ("campaign", "run", "spring_loans", "--as", "eva")
        step("init", "init")
        step("otto", "users", "add", "otto", "--role", "operator")
        step("eva", "users", "add", "eva", "--role", "campaign_manager")
        step("eva's other account", "users", "add", "eva2", "--person", "eva", "--role", "compliance_officer")
        step("hana", "users", "add", "hana", "--role", "consumer_protection_reviewer")
        step("jan", "users", "add", "jan", "--role", "compliance_officer")
        step("ada", "users", "add", "ada", "--role", "analyst")
        step("apply", "apply", "--as", "otto")
        step("ingest", "ingest", "--as", "otto")
        step("ingest again", "ingest", "--as", "otto")
        step("tags", "tags", "run", "--as-of", AS_OF, "--as", "otto")
        step("plan", "campaign", "plan", "spring_loans", "--as-of", AS_OF, "--as", "eva")
        step("explain", "campaign", "explain", "spring_loans", "--as", "jan")
        step("run unreviewed", *campaign, exit_code=3)
        step("review", "campaign", "review", "spring_loans", "--as", "hana", "--comment", "the rate is shown")
        step("run unapproved", *campaign, exit_code=3)
        step("approve own", "campaign", "approve", "spring_loans", "--as", "eva2", exit_code=3)
        result.mails_before_approval = len(mailbox.mails)
        step("approve", "campaign", "approve", "spring_loans", "--as", "jan", "--comment", "go ahead")
        step("run", *campaign)
        step("run again", *campaign)
        step("report", "campaign", "report", "spring_loans", "--as", "eva")
        early = ("--known-by", "1996-03-28")
        step("report early", "campaign", "report", "spring_loans", "--as", "eva", *early, exit_code=3)
        step("train", "models", "train", "loan_within_24m", "--as", "ada")
        step("card", "models", "card", "loan_within_24m", "--as", "ada")
        result.mails, result.transmissions = mailbox.mails, mailbox.transmissions
    return result


def row(printed: str, name: str) -> list[int]:
    """The numbers of a source's line in the table that `ingest` prints: read, accepted, repeated, quarantined."""
    line = next(line for line in printed.splitlines() if name in line)
    after_date = line.split("1998-12-31", 1)[1]
    return [int(number.replace(",", "")) for number in re.findall(r"[\d,]+", after_date)]


def groups(report: str) -> dict[str, tuple[int, int]]:
    """Units and successes of each group in a report."""
    found = re.findall(r"(contacted|held out)\s+([\d,]+)\s+([\d,]+)\s+[\d.]+%", report)
    return {name: (int(units.replace(",", "")), int(successes.replace(",", ""))) for name, units, successes in found}


def test_this_is_what_the_examples_page_tells_to_type(walked: Walked) -> None:
    page = (PROJECT / "examples" / "berka" / "README.md").read_text(encoding="utf-8")
    told = [
        line for block in re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE) for line in block.split("\n")
    ]
    assert [line for line in told if line and shlex.join(shlex.split(line)) not in walked.commands] == []


def test_counts_are_exactly_those_of_the_files(walked: Walked) -> None:
    assert row(walked.printed["ingest"], "berka_customers") == [5_369, 5_369, 0, 0]
    assert row(walked.printed["ingest"], "berka_accounts") == [4_500, 4_500, 0, 0]
    assert row(walked.printed["ingest"], "berka_loans") == [682, 682, 0, 0]
    # counted in the files themselves: 6,565 transaction numbers stand in both extracts
    read = 46_997 + 54_694
    assert row(walked.printed["ingest"], "berka_transactions") == [read, read - 6_565, 6_565, 0]


def test_loading_again_loads_nothing(walked: Walked) -> None:
    assert walked.printed["ingest again"].count("✓") == 7


def test_nothing_is_sent_without_a_second_persons_approval(walked: Walked) -> None:
    assert "NOT_REVIEWED" in walked.printed["run unreviewed"]
    assert "NOT_APPROVED" in walked.printed["run unapproved"]
    assert "OWN_WORK" in walked.printed["approve own"]
    assert walked.mails_before_approval == 0


def test_the_plan_says_what_will_happen_and_why_not(walked: Walked) -> None:
    for printed in (walked.printed["plan"], walked.printed["explain"]):
        assert "949 of 1,489 customers" in printed
        assert "20% held out" in printed
        assert "no separate consent to the sensitive data this uses" in printed


def test_each_chosen_customer_gets_one_mail_and_only_with_leave(walked: Walked) -> None:
    sent = int(re.findall(r"sent\s+([\d,]+)", walked.printed["run"])[0].replace(",", ""))
    assert len(walked.mails) == sent == groups(walked.printed["report"])["contacted"][0]
    assert len({mail.address for mail in walked.mails}) == sent
    assert walked.transmissions == sent, "running again sends nothing again"
    for mail in walked.mails:
        # the rule that the example states for its made-up consents and addresses
        found = re.fullmatch(r"client(\d+)@berka\.example", mail.address)
        assert found
        assert int(found[1]) % 10 < 6
        assert int(found[1]) % 20 != 3


def test_a_mail_says_who_sends_it_what_it_costs_and_how_to_refuse(walked: Walked) -> None:
    mail = walked.mails[0].mail
    assert mail["Subject"] == "A loan for what you have planned"
    assert mail["List-Unsubscribe"].startswith("<http://127.0.0.1:8000/u/")
    body = mail.get_content()
    assert "12.9% a year" in body
    assert "Banka Berka, contact: +420" in body
    assert mail["List-Unsubscribe"].strip("<>") in body


def test_no_effect_is_claimed_where_nobody_was_contacted(walked: Walked) -> None:
    """Nobody in the files got a mail: the draw divides those who take a loan as an urn does, and the report says so.

    One interval in twenty leaves zero out; what the report says follows the interval. That the groups differ by more
    than the draw explains is told with a chance of at most 1e-6 of being wrong, for whatever draw.
    """
    report = walked.printed["report"]
    found = re.findall(r"interval ([+-][\d.]+) pp to ([+-][\d.]+) pp", report)
    low, high = (float(bound) for bound in found[0])
    assert ("no effect that can be told from chance" in report) == (low < 0 < high)
    (contacted, takers), (held_out, others) = (groups(report)[name] for name in ("contacted", "held out"))
    assert tail_of_the_draw(takers, contacted, takers + others, contacted + held_out) > 5e-7
    assert "OUTCOME_NOT_YET_KNOWN" in walked.printed["report early"]


def tail_of_the_draw(found: int, drawn: int, marked: int, units: int) -> float:
    """How likely at least so few, or at least so many, are found among those drawn; the smaller of the two."""
    ways = [math.comb(marked, n) * math.comb(units - marked, drawn - n) for n in range(min(marked, drawn) + 1)]
    return min(sum(ways[: found + 1]), sum(ways[found:])) / math.comb(units, drawn)


def test_the_tail_of_a_draw_is_that_of_the_urn() -> None:
    """Of ten, of whom four are marked, five are drawn: 252 ways, 6 of them with none or with all of the four."""
    assert [tail_of_the_draw(found, 5, 4, 10) for found in (0, 1, 4)] == pytest.approx([6 / 252, 66 / 252, 6 / 252])


def test_a_model_says_how_well_it_does_and_what_it_cannot_say(walked: Walked) -> None:
    """Customers are drawn by their ids; for whatever draw the bounds are more than four standard errors away."""
    for printed in (walked.printed["train"], walked.printed["card"]):
        (found,) = re.findall(r"AUC\s+([\d.]+) \[([\d.]+), ([\d.]+)\]\s+([\d.]+) \[", printed)
        auc, low, high, baseline = (float(number) for number in found)
        assert 0.55 < auc < 0.9, "a loan can be foretold a little; much better would be a leak"
        assert low < auc < high
        assert abs(auc - baseline) < 0.15
    card = " ".join(walked.printed["card"].split())
    assert "the labels were complete on 1996-03-30 only" in card
    assert "orders." not in card, "standing orders have no dates: they would tell the future"


def test_outcomes_are_the_loans_of_the_file(walked: Walked, berka_files: Path) -> None:
    """Successes agree with a count in the files by other SQL: the loans of the 24 months, of those drawn."""
    drawn = groups(walked.printed["report"])
    customers, takers = _counted_in_files(berka_files)
    assert sum(units for units, _ in drawn.values()) == customers
    assert sum(successes for _, successes in drawn.values()) == takers


def _counted_in_files(folder: Path) -> tuple[int, int]:
    def table(name: str) -> str:
        return f"read_csv('{folder / name}.asc', delim=';', header=true, all_varchar=true, quote='\"')"

    counted = duckdb.sql(f"""
        WITH owner AS (
            SELECT client_id, account_id, CAST(client_id AS INTEGER) AS n FROM {table("disp")} WHERE type = 'OWNER'
        ),
        -- a booking is known the day after: on the morning of the 30th those of the 29th are the last
        booked AS (
            SELECT client_id, n,
                sum(CAST(amount AS DECIMAL(18, 2))) FILTER (WHERE type = 'PRIJEM') AS came_in,
                avg(CAST(balance AS DECIMAL(18, 2))) AS balance
            FROM {table("trans_all_accounts_19930101_19940330")} JOIN owner USING (account_id)
            WHERE date >= '931230' AND date < '940330'
            GROUP BY client_id, n
        ),
        loans AS (SELECT client_id, date FROM {table("loan")} JOIN owner USING (account_id)),
        -- YYMMDD, of women with fifty added to the month; who is under 24 may be a student
        grown AS (
            SELECT client_id FROM {table("client")}
            WHERE CAST(birth_number AS INTEGER) - 5000 * CAST(substr(birth_number, 3, 1) >= '5' AS INTEGER) <= 700330
        ),
        drawn AS (
            SELECT client_id FROM booked
            WHERE came_in / 3 >= 5000 AND balance >= 10000 AND n % 10 < 6 AND n % 20 <> 3
                AND client_id NOT IN (SELECT client_id FROM loans WHERE date < '940330')
                AND client_id IN (SELECT client_id FROM grown)
        )
        SELECT count(*), count(*) FILTER (
            WHERE client_id IN (SELECT client_id FROM loans WHERE date >= '940330' AND date < '960330')
        ) FROM drawn
    """).fetchall()
    customers, takers = counted[0]
    return int(customers), int(takers)
