"""Settings that data already depends on: remembered when the workspace is made, and refused when they change."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Column, Connection, String, Table, insert, select

from lingque.core.errors import ConfigurationError
from lingque.store.schema import METADATA

fixed_settings = Table(
    "fixed_settings",
    METADATA,
    Column("setting", String(64), primary_key=True),
    Column("value", String(200), nullable=False),
)


def remember_fixed(connection: Connection, settings: Mapping[str, str]) -> None:
    """Keep the values of those that are not kept yet."""
    known = _kept(connection)
    for setting, value in settings.items():
        if setting not in known:
            connection.execute(insert(fixed_settings).values(setting=setting, value=value))


def check_fixed(connection: Connection, settings: Mapping[str, str]) -> None:
    """Raises `ConfigurationError` where a value is not the one kept."""
    known = _kept(connection)
    for setting, value in settings.items():
        if known.get(setting, value) != value:
            raise ConfigurationError(
                f"setting '{setting}' is {value}, but the workspace was made with {known[setting]}",
                next_step="put the old value back: rows that are stored already depend on it",
            )


def _kept(connection: Connection) -> dict[str, str]:
    return {row.setting: row.value for row in connection.execute(select(fixed_settings))}
