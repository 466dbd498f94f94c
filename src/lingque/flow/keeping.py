"""Keys of the vault and the chain of the audit trail: who may change, seal and check them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lingque.core.errors import BusyError, ConflictError, VaultError
from lingque.core.reasons import Reason, Refusal
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.audit import Recorded, entries_after
from lingque.govern.contracts import Action, Principal
from lingque.govern.rotation import Rotation
from lingque.govern.sealing import Sealed, Verdict

LOG = logging.getLogger("lingque.audit")
BLOCKS_BY_ITSELF = 64
"""A quarter of a million entries: some seconds of work at most."""


def rotate_keys(services: Services, actor: Principal) -> Iterator[Rotation] | Refusal:
    """New keys for the vault while it is in use; yields after each batch. A rotation that died goes on."""
    denied = refused(actor, Action.MANAGE_KEYS)
    if denied is not None:
        return traced(services, denied, actor, "rotate_keys", "vault")
    return services.rotation.rotate(actor=actor.user)


def retire_key(services: Services, master_key: str, actor: Principal) -> Refusal | None:
    """Destroy a master key on which nothing stands any more. Raises `VaultError` where something does."""
    denied = refused(actor, Action.MANAGE_KEYS)
    if denied is not None:
        return traced(services, denied, actor, "retire_master_key", "vault")
    services.rotation.retire(master_key, actor=actor.user)
    return None


def seal_audit(services: Services, actor: Principal) -> Sealed | Refusal:
    """Seal what was written since the last time. Raises `BusyError` where a writer does not come to its end."""
    denied = refused(actor, Action.CHECK_AUDIT)
    if denied is not None:
        return traced(services, denied, actor, "seal_audit", "audit")
    return services.sealer.seal()


def seal_by_itself(services: Services) -> None:
    """Seal a bounded part of what was written, after a command or as time goes by; what it leaves the next one seals.

    Where the keys are not at hand or somebody else holds the trail it does nothing but say so in the log: the command
    is done whatever becomes of this, and a verification tells how many entries nothing protects yet.
    """
    try:
        services.sealer.seal(most_blocks=BLOCKS_BY_ITSELF)
    except (VaultError, BusyError) as error:
        LOG.warning("the audit trail was not sealed: %s", error.what)


def verify_audit(services: Services, actor: Principal, *, noted: tuple[int, bytes] | None = None) -> Verdict | Refusal:
    """Check the whole chain, and a block noted down elsewhere."""
    denied = refused(actor, Action.CHECK_AUDIT)
    if denied is not None:
        return traced(services, denied, actor, "verify_audit", "audit")
    return services.sealer.verify(noted=noted)


def list_audit(services: Services, actor: Principal, *, after: int, most: int) -> list[Recorded] | Refusal:
    """Entries after that one, in order. That somebody is watched reads as any other exclusion to who is not compliance;
    the export holds every word, for it proves them."""
    denied = refused(actor, Action.CHECK_AUDIT)
    if denied is not None:
        return traced(services, denied, actor, "read_audit", "audit")
    with services.database.reading() as connection:
        found = entries_after(connection, after, most=most)
    if refused(actor, Action.SEE_COMPLIANCE_REASONS) is None:
        return found
    return [replace(one, detail=_for_all_eyes(one.detail)) for one in found]


def _for_all_eyes(detail: Mapping[str, Any]) -> dict[str, Any]:
    secret, told = Reason.COMPLIANCE_EXCLUSION.name, Reason.COMPLIANCE_EXCLUSION.for_customer.name
    return {
        name: value.replace(secret, told) if isinstance(value, str) else value
        for name, value in detail.items()
        if name != "compliance"
    }


def export_audit(services: Services, path: Path, actor: Principal) -> Sealed | Refusal:
    """Everything sealed, in one file that checks itself. Raises `ConflictError` where that file is there already."""
    denied = refused(actor, Action.CHECK_AUDIT)
    if denied is not None:
        return traced(services, denied, actor, "export_audit", "audit")
    if path.exists():
        raise ConflictError(f"{path.name} is there already", next_step="name another file")
    done = services.sealer.export(path)
    with services.database.transaction() as connection:
        services.audit.record(
            connection, actor=actor.user, act="export_audit", subject="audit", detail={"block": done.block}
        )
    return done
