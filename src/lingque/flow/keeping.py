"""Keys of the vault and the chain of the audit trail: who may change, seal and check them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lingque.core.errors import ConflictError
from lingque.core.reasons import Refusal
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.govern.rotation import Rotation
from lingque.govern.sealing import Sealed, Verdict


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


def verify_audit(services: Services, actor: Principal, *, noted: tuple[int, bytes] | None = None) -> Verdict | Refusal:
    """Check the whole chain, and a block noted down elsewhere."""
    denied = refused(actor, Action.CHECK_AUDIT)
    if denied is not None:
        return traced(services, denied, actor, "verify_audit", "audit")
    return services.sealer.verify(noted=noted)


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
