"""Placements as they are written: what fits together, and what is told where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_catalog import Workspace

from lingque.catalog.yaml_export import export_definitions
from lingque.catalog.yaml_files import read_definitions
from lingque.core.errors import DefinitionError

FILE = "definitions/placement.yaml"
PLACEMENT = """\
offer: app_deposit
label: {zh: 存款, en: Deposit}
regime: deposit
valid_from: 2026-01-01
valid_to: 2027-01-01
eligibility: bookings > 0
currency: CNY
margin: 180
response: 0.05
creatives:
  app:
    zh: {body: 您好}
---
offer: hours
label: {zh: 时间, en: Hours}
regime: service
valid_from: 2026-01-01
valid_to: 2027-01-01
currency: CNY
margin: 1
response: 0.05
creatives:
  app:
    zh: {body: 营业时间}
---
placement: home
label: {zh: 首页, en: Home}
channel: app
offers: [app_deposit]
leads:
  - {led_by: behaviour, when: bookings > 3, offers: [app_deposit]}
open: [hours]
contact_cost: 0.05
"""


def test_a_placement_is_read_with_all_it_is_built_on_and_written_again(workspace: Workspace, tmp_path: Path) -> None:
    workspace.write(FILE, PLACEMENT)
    catalog = workspace.build()
    home = catalog.placement("home")
    assert home.led_by == {"bookings"}
    assert catalog.built_on["placement", "home"] == {("offer", "app_deposit"), ("offer", "hours"), ("tag", "bookings")}
    before = catalog.closures["placement", "home"]
    workspace.write(FILE, PLACEMENT.replace("bookings > 0", "bookings > 1"))
    assert workspace.build().closures["placement", "home"] != before, "an offer under it changed"
    export_definitions([one.definition for one in read_definitions(workspace.folder)], tmp_path / "out")
    again = [one.definition for one in read_definitions(tmp_path / "out")]
    assert catalog.placement("home").definition.model_dump() in [one.model_dump() for one in again]


@pytest.mark.parametrize(
    ("old", "new", "field", "found"),
    [
        ("channel: app", "channel: email", "channel", "found 'email'"),
        ("offers: [app_deposit]\nleads", "offers: [app_deposits]\nleads", "", "is not among the offers"),
        ("offers: [app_deposit]\nleads", "offers: [app_deposit, deposit]\nleads", "offers.1", "no creative for app"),
        ("open: [hours]", "open: [app_deposit]", "open.0", "may only be made to whom 'bookings' allows"),
        ("open: [hours]", "open: [our]", "open.0", "there is no offer 'our'"),
        ("margin: 1\n", "margin: 1\nstock: 5\n", "open.0", "can run out"),
        ("when: bookings > 3", "when: bookins > 3", "leads", "bookins"),
        ("when: bookings > 3", "when: bureau_score > 3", "leads.0.when", "looks at nothing that was done"),
        ("led_by: behaviour, when", "led_by: preference, when", "leads.0", "states its 'topic'"),
        ("contact_cost: 0.05", "contact_cost: 0.001", "contact_cost", "is not an amount of CNY"),
        ("contact_cost: 0.05", "show: 0", "show", "found 0"),
        ("open: [hours]", "open: [hours, hours]", "", "names an offer twice"),
        ("margin: 1\n", "margin: 1\nkind: benefit\n", "offers", "the benefit 'hours' stands beside the deposit"),
    ],
)
def test_what_is_wrong_is_named(workspace: Workspace, old: str, new: str, field: str, found: str) -> None:
    assert old in PLACEMENT
    workspace.write(FILE, PLACEMENT.replace(old, new))
    with pytest.raises(DefinitionError) as raised:
        workspace.build()
    told = [str(problem) for problem in raised.value.problems]
    assert any(found in one for one in told), told
    assert any(field in problem.field for problem in raised.value.problems), told
