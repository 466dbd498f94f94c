"""Segments that are found: clusters become tags by an ordinary apply; look-alikes are held to what they may see."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from tiny_bank import AS_OF, LAN, OTTO, PRINCIPALS, Bank
from typer.testing import CliRunner, Result

from lingque.core.errors import ConflictError
from lingque.core.labels import Label
from lingque.core.reasons import Reason, Refusal
from lingque.entry.cli import app
from lingque.flow import apply, run_tags
from lingque.flow.clusters import Clusters, find_clusters
from lingque.flow.look_alike import find_look_alikes
from lingque.flow.segments import Counted, count_segment

pytestmark = pytest.mark.any_database

pytest.importorskip("sklearn")
ADA = PRINCIPALS["ada"]
NAME = Label(zh="画像", en="Personas")


def invoke(bank: Bank, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["segments", *arguments, "--as", "ada", "-w", str(bank.folder)])


def test_clusters_are_written_down_applied_and_counted(bank: Bank, tmp_path: Path) -> None:
    page = tmp_path / "personas.html"
    definitions = bank.folder / "definitions" / "tags" / "personas.yaml"
    command = ["cluster", "personas", "--tag", "latest_balance", "-k", "2", "--label-en", "Personas"]
    svg = tmp_path / "personas.svg"
    done = invoke(bank, *command, "--out", str(definitions), "--page", str(page), "--svg", str(svg))
    assert done.exit_code == 0, done.output
    assert "personas_2" in done.stdout
    assert "<svg" in page.read_text(encoding="utf-8")
    drawn = ElementTree.fromstring(svg.read_text(encoding="utf-8"))  # noqa: S314 - we drew it ourselves
    words = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert sum(" · " in str(word) for word in words) == 2
    assert invoke(bank, *command, "--out", str(definitions)).exit_code == 1  # nothing is overwritten
    with bank.open() as application:
        services = application.services
        found = find_clusters(services, "others", NAME, ["latest_balance"], ADA, clusters=2)
        assert isinstance(found, Clusters)
        assert found.lineage.classes.names == ("financial",)
        assert not isinstance(apply(services, OTTO), Refusal)
        assert not isinstance(run_tags(services, AS_OF, OTTO), Refusal)
        for profile in found.found.profiles:
            counted = count_segment(services, f"personas_{profile.number}", LAN)
            assert isinstance(counted, Counted)
            assert (counted.count, counted.lineage.classes) == (profile.customers, found.lineage.classes)
        with pytest.raises(ConflictError, match="there is a tag 'personas_"):
            find_clusters(services, "personas", NAME, ["latest_balance"], ADA, clusters=2)

        flat = find_clusters(services, "flat", NAME, ["transactions_12m"], ADA, clusters=2)
        assert isinstance(flat, Refusal)
        assert flat.reason is Reason.NO_VARIATION
        nobody = find_clusters(services, "few", NAME, ["latest_balance"], ADA, segment="latest_balance < cny(1)")
        assert isinstance(nobody, Refusal)
        assert nobody.reason is Reason.TOO_FEW_EXAMPLES
        denied = find_clusters(services, "denied", NAME, ["latest_balance"], LAN)
        assert isinstance(denied, Refusal)
        assert denied.reason is Reason.ROLE_NOT_ALLOWED

        # a seed of fifty is too small, and what defines a segment cannot be what it is recognised by
        few = find_look_alikes(services, "personas_1", ["accounts_held"], ADA)
        assert isinstance(few, Refusal)
        assert few.reason is Reason.TOO_FEW_EXAMPLES
        with pytest.raises(ConflictError, match="is built on latest_balance"):
            find_look_alikes(services, "personas_1", ["latest_balance"], ADA)
    assert invoke(bank, "look-alike", "personas_1", "--tag", "accounts_held").exit_code == 3


def test_data_that_may_not_serve_analytics_is_neither_clustered_nor_recognised_by(bank: Bank) -> None:
    column = "balance: {type: money, currency: CNY, required: true, classes: [financial]"
    bank.replace_in("contracts", column, f"{column}, purposes: [service, marketing]")
    with bank.open() as application:
        services = application.services
        assert not isinstance(apply(services, OTTO), Refusal)
        assert not isinstance(run_tags(services, AS_OF, OTTO), Refusal)
        refused = find_clusters(services, "personas", NAME, ["latest_balance"], ADA, clusters=2)
        assert isinstance(refused, Refusal)
        assert (refused.reason, "marketing, service" in refused.detail) == (Reason.PURPOSE_NOT_ALLOWED, True)
        again = find_look_alikes(services, "idle_money", ["accounts_held"], ADA)
        assert isinstance(again, Refusal)
        assert again.reason is Reason.PURPOSE_NOT_ALLOWED
