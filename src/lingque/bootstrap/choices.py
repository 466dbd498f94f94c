"""What the settings choose: the database, the keys, the channels, the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import time
from importlib.metadata import entry_points
from pathlib import Path

from lingque.bootstrap.places import CONTROL_FILE, MASTER_KEY_FILE
from lingque.core.clock import BusinessCalendar
from lingque.core.errors import ConfigurationError
from lingque.core.registries import DataClass
from lingque.decide.policies import POLICIES
from lingque.decide.question import Policy
from lingque.deliver.contracts import AnyChannel, Channel
from lingque.deliver.file_drop import RM_COLUMNS, SMS_COLUMNS, FileDropChannel
from lingque.deliver.smtp import SmtpChannel, SmtpSettings
from lingque.flow.services import Thresholds
from lingque.govern.ciphers import Suite
from lingque.govern.key_store import EnvironmentKeyStore, FileKeyStore, KeyStore
from lingque.govern.keyring import Keyring
from lingque.govern.quiet_hours import QuietHours
from lingque.govern.transit import TransitKeyStore, TransitSettings
from lingque.settings import Settings

OWN_POLICIES = "lingque.policies"
"""Where packages name policies of the bank's own."""
KEY_STORES = "lingque.key_stores"
"""Entry points of packages that bring a key store (an HSM, a KMS): a callable without arguments that makes it."""

Channels = Callable[[Settings], Mapping[str, AnyChannel]]


def smtp_only(settings: Settings) -> Mapping[str, Channel]:
    """E-mail, and no other channel."""
    smtp = SmtpSettings(
        host=settings.smtp.host,
        port=settings.smtp.port,
        from_address=settings.sender.from_address,
        from_name=settings.sender.name,
        user=settings.smtp.user,
        password=settings.smtp.password.get_secret_value(),
        tls=settings.smtp.tls,
    )
    return {"email": SmtpChannel(smtp)}


def all_channels(settings: Settings, folder: Path) -> Mapping[str, AnyChannel]:
    """The channels of a workspace: e-mail, text messages and calls of relationship managers as files."""
    drop = folder / settings.file_drop.folder
    return {
        **smtp_only(settings),
        "sms": FileDropChannel(drop, name="sms", columns=SMS_COLUMNS),
        "rm_call": FileDropChannel(drop, name="rm_call", columns=RM_COLUMNS),
    }


def quiet_hours(settings: Settings, calendar: BusinessCalendar) -> QuietHours:
    """When nobody is disturbed."""
    contact = settings.contact
    days = frozenset(contact.quiet_days)
    if not contact.quiet_from:
        return QuietHours(calendar=calendar, days=days)
    begin, end = time.fromisoformat(contact.quiet_from), time.fromisoformat(contact.quiet_to)
    return QuietHours(calendar=calendar, begin=begin, end=end, days=days)


def keyring(settings: Settings, folder: Path) -> Keyring:
    """The keys of the workspace, not loaded yet. Raises `ConfigurationError` for a key store that nobody brings."""
    vault = settings.vault
    suite = Suite(cipher=vault.cipher, digest=vault.digest)
    if vault.key_store == "file":
        return Keyring(FileKeyStore(folder / MASTER_KEY_FILE, suite), suite)
    if vault.key_store == "environment":
        return Keyring(EnvironmentKeyStore(vault.master_keys.get_secret_value(), suite), suite)
    if vault.key_store == "transit":
        chosen = settings.transit
        where = TransitSettings(
            address=chosen.address,
            mount=chosen.mount,
            key=chosen.key,
            token=chosen.token.get_secret_value(),
            ca_file=chosen.ca_file,
            namespace=chosen.namespace,
        )
        return Keyring(TransitKeyStore(where), suite)
    (found,) = entry_points(group=KEY_STORES, name=vault.key_store) or (None,)
    if found is None:
        raise ConfigurationError(
            f"there is no key store '{vault.key_store}'",
            next_step=f"'file', 'environment', 'transit', or one that an installed package names under {KEY_STORES}",
        )
    make: Callable[[], KeyStore] = found.load()
    return Keyring(make(), suite)


def thresholds(settings: Settings) -> Thresholds:
    """From where on an approval takes more people."""
    asked = settings.approvals
    return Thresholds(
        audience=asked.second_above_customers,
        cost=asked.second_above_cost,
        data_classes=DataClass.union(DataClass[name.upper()] for name in asked.second_for_classes),
        definitions=asked.definitions,
    )


def fixed_settings(settings: Settings) -> dict[str, str]:
    """The settings that stored rows depend on."""
    workspace, vault = settings.workspace, settings.vault
    return {
        "workspace.time_zone": workspace.time_zone,
        "workspace.buckets": str(workspace.buckets),
        "vault.cipher": vault.cipher,
        "vault.digest": vault.digest,
    }


def control_url(settings: Settings, folder: Path) -> str:
    """Where the control database is: beside the data unless the settings name another."""
    return settings.control.url.get_secret_value() or f"sqlite:///{folder / CONTROL_FILE}"


def policies() -> tuple[Policy, ...]:
    """The policies of the bank's own: those that installed packages name under the entry points `lingque.policies`,
    each a `Policy`. Raises `ConfigurationError` for one that is none, or that takes the name of another."""
    brought: list[Policy] = []
    taken = {policy.name for policy in POLICIES}
    for found in entry_points(group=OWN_POLICIES):
        policy = found.load()
        if not isinstance(policy, Policy) or policy.name in taken:
            raise ConfigurationError(
                f"'{found.value}' under {OWN_POLICIES} is no policy with a name of its own",
                next_step="let it be a lingque.decide.question.Policy, named otherwise than "
                + ", ".join(sorted(taken)),
            )
        taken.add(policy.name)
        brought.append(policy)
    return tuple(brought)
