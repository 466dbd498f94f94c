"""Values of manual tags: given to a customer by hand, or to many from a file, or taken back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from lingque.catalog.model import Catalog, ManualTag
from lingque.core.errors import NotFoundError, SourceError, nearest
from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Refusal
from lingque.flow.customer_files import CustomerFile, cells_of
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal, Surrogates
from lingque.govern.lists import MatchReport, Upload, match
from lingque.govern.preferences import parties_of
from lingque.profile.manual import Giving, expiry, give, stored

BY_HAND = "by hand"


@dataclass(frozen=True, kw_only=True)
class CustomerNumber:
    """One customer, as the source system `system` numbers them."""

    number: str
    system: str


def set_tag(
    services: Services,
    surrogates: Surrogates,
    name: str,
    customer: CustomerNumber,
    text: str | None,
    actor: Principal,
    *,
    expires_on: date | None = None,
) -> bool | Refusal:
    """Give the customer that value, or with None take back what was given. Returns whether it changed anything.

    Raises `NotFoundError` for a tag or a number that nobody knows, `SourceError` for a value that the tag cannot have.
    """
    act = "unset_tag" if text is None else "set_tag"
    denied = refused(actor, Action.ASSIGN_TAGS)
    if denied is not None:
        return traced(services, denied, actor, act, f"tag {name}")
    catalog = catalog_of(services)
    tag = _manual(catalog, name)
    value = None
    if text is not None:
        try:
            value = stored(tag.values, text)
        except ValueError as error:
            raise SourceError(f"a value of tag '{name}' {error}", next_step="write it so and set it again") from error
    upload = Upload(rows=((1, customer.number),), namespace=_namespace(catalog, customer.system), origin=BY_HAND)
    with services.database.transaction() as connection:
        parties, report = match(surrogates, connection, upload)
        if not report.matched:
            raise NotFoundError(
                f"no customer has that number in {customer.system}", next_step="check the number and the system"
            )
        counts = _counts(report)
        changed = _give(services, connection, tag, {parties[1]: value}, BY_HAND, actor, act, counts, expires_on)
    return bool(changed)


@dataclass(frozen=True, kw_only=True)
class Given:
    """Of values for several customers: how many customers it changed anything for; which rows (from 1) name nobody who
    is known, or a value that the tag cannot have."""

    rows: int
    changed: int
    unknown: tuple[int, ...]
    invalid: tuple[int, ...]


def give_tag(
    services: Services,
    name: str,
    values: Sequence[tuple[CustomerId, str | None]],
    actor: Principal,
    *,
    origin: str,
    expires_on: date | None = None,
) -> Given | Refusal:
    """Give customers, by the platform's own numbers, values of a manual tag, or with None take back what was given. Of
    a customer who stands there twice the last row counts. Raises `NotFoundError` for a tag that is not manual."""
    denied = refused(actor, Action.ASSIGN_TAGS)
    if denied is not None:
        return traced(services, denied, actor, "give_tag", f"tag {name}")
    tag = _manual(catalog_of(services), name)
    unknown: list[int] = []
    invalid: list[int] = []
    wished: dict[CustomerId, dict[PartyId, str | None]] = {}
    with services.database.transaction() as connection:
        for row, (customer, text) in enumerate(values, start=1):
            try:
                value = None if text is None else stored(tag.values, text)
            except ValueError:
                invalid.append(row)
                continue
            parties = parties_of(connection, customer)
            if not parties:
                unknown.append(row)
                continue
            wished[customer] = dict.fromkeys(parties, value)
        counts: dict[str, object] = {"rows": len(values), "unknown": len(unknown), "invalid": len(invalid)}
        changed = sum(
            bool(_given_to(services, connection, tag, of_one, origin, actor, expires_on)) for of_one in wished.values()
        )
        _trace(services, connection, tag, origin, actor, "give_tag", counts | {"changed": changed}, expires_on)
    return Given(rows=len(values), changed=changed, unknown=tuple(unknown), invalid=tuple(invalid))


def import_tag(
    services: Services,
    surrogates: Surrogates,
    name: str,
    file: CustomerFile,
    value_column: str,
    actor: Principal,
    *,
    expires_on: date | None = None,
) -> MatchReport | Refusal:
    """Give the customers of the file its values. Rows whose value the tag cannot have are among the invalid ones.

    Raises `SourceError` for a file that cannot be read, `NotFoundError` for a tag that is not manual.
    """
    denied = refused(actor, Action.ASSIGN_TAGS)
    if denied is not None:
        return traced(services, denied, actor, "import_tag", f"tag {name}")
    catalog = catalog_of(services)
    tag = _manual(catalog, name)
    cells = cells_of(file.path, file.column, value_column)
    values: dict[int, str] = {}
    for row, (_, text) in cells.rows:
        try:
            values[row] = stored(tag.values, text)
        except ValueError:
            continue
    upload = Upload(
        rows=tuple((row, number) for row, (number, _) in cells.rows if row in values),
        namespace=_namespace(catalog, file.system),
        origin=cells.origin,
    )
    with services.database.transaction() as connection:
        parties, matched = match(surrogates, connection, upload)
        report = dataclasses.replace(
            matched,
            rows=len(cells.rows),
            invalid=tuple(sorted({*matched.invalid, *(row for row, _ in cells.rows if row not in values)})),
        )
        wished = {party: values[row] for row, party in parties.items()}
        counts = _counts(report)
        changed = _give(services, connection, tag, wished, upload.origin, actor, "import_tag", counts, expires_on)
    return dataclasses.replace(report, already=report.matched - changed)


def _counts(report: MatchReport) -> dict[str, object]:
    return {"rows": report.rows, "unknown": len(report.unknown), "invalid": len(report.invalid)}


def _give(
    services: Services,
    connection: Connection,
    tag: ManualTag,
    values: Mapping[PartyId, str | None],
    origin: str,
    actor: Principal,
    act: str,
    counts: dict[str, object],
    expires_on: date | None,
) -> int:
    changed = _given_to(services, connection, tag, values, origin, actor, expires_on)
    _trace(services, connection, tag, origin, actor, act, counts | {"changed": changed}, expires_on)
    return changed


def _given_to(
    services: Services,
    connection: Connection,
    tag: ManualTag,
    values: Mapping[PartyId, str | None],
    origin: str,
    actor: Principal,
    expires_on: date | None,
) -> int:
    now = services.clock.now()
    expires = expiry(tag.values, expires_on, now, services.calendar)
    return give(connection, tag.name, values, Giving(by=actor.user, at=now, origin=origin, expires_at=expires))


def _trace(
    services: Services,
    connection: Connection,
    tag: ManualTag,
    origin: str,
    actor: Principal,
    act: str,
    counts: dict[str, object],
    expires_on: date | None,
) -> None:
    services.audit.record(
        connection,
        actor=actor.user,
        act=act,
        subject=f"tag {tag.name}",
        detail={"origin": origin, **counts, "expires_on": None if expires_on is None else expires_on.isoformat()},
    )


def _manual(catalog: Catalog, name: str) -> ManualTag:
    tag = catalog.tag(name)
    if not isinstance(tag, ManualTag):
        manual = [other for other, one in catalog.tags.items() if isinstance(one, ManualTag)]
        raise NotFoundError(f"'{name}' is no manual tag: it is worked out", next_step=nearest(name, manual))
    return tag


def _namespace(catalog: Catalog, system: str) -> str:
    party = catalog.contract_of_kind("party")
    if party is None:
        raise NotFoundError(
            "no contract of kind party is in force, so no customer is known", next_step="apply the definitions first"
        )
    return f"{system}/{party.contract}"
