"""All settings: `lingque.toml` in the workspace, each overridable by an environment variable.

`LINGQUE_SMTP__HOST=mail.bank` sets `host` under `[smtp]`. The reference page is generated from here.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from lingque.core.errors import ConfigurationError
from lingque.core.registries import Purpose

FILE = "lingque.toml"
ClassName = Literal["personal", "financial", "credit_bureau", "health", "location", "biometric", "minor", "identifier"]
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class WorkspaceSection(BaseModel):
    """`[workspace]`: what is fixed for good once data has been loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default="bank", description="name of the workspace; one workspace is one legal entity")
    time_zone: str = Field(default="Asia/Shanghai", description="business time zone: in which days begin")
    language: Literal["zh", "en"] = Field(default="zh", description="language of the terminal and of reports")
    buckets: int = Field(default=64, ge=1, le=65536, description="customer buckets, a power of two; growth doubles it")
    landing: str = Field(default="landing", description="folder in which the bank's files arrive")

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("not a time zone such as Asia/Shanghai") from error
        return name

    @field_validator("buckets")
    @classmethod
    def _power_of_two(cls, number: int) -> int:
        if number & (number - 1):
            raise ValueError("not a power of two")
        return number


class ControlSection(BaseModel):
    """`[control]`: the control database."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr = Field(
        default=SecretStr(""),
        description="postgresql://user@host/name; empty: SQLite in the workspace's data folder",
    )


class WarehouseSection(BaseModel):
    """`[warehouse]`: the data plane."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    memory_limit: str = Field(default="4GB", pattern=r"^\d+(\.\d+)?\s?(MB|GB)$", description="memory of the SQL engine")
    threads: int = Field(default=2, ge=1, le=1024, description="threads of the SQL engine")
    kernels: str = Field(
        default="data/kernels", description="folder of compiled tags, in the workspace or a full path; may be deleted"
    )


class VaultSection(BaseModel):
    """`[vault]`: how identifiers are sealed. Cipher and digest are fixed for good once the workspace is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cipher: Literal["aes-256-gcm", "sm4-gcm"] = Field(default="aes-256-gcm", description="what seals identifiers")
    digest: Literal["sha-256", "sm3"] = Field(
        default="sha-256", description="what blind indexes and the audit trail's chain are made with"
    )
    key_store: str = Field(
        default="file",
        description="where the master keys are: file, environment, transit, or a key store of another package",
    )
    master_keys: SecretStr = Field(
        default=SecretStr(""), description="for the key store 'environment': set it by the environment, not in the file"
    )


class TransitSection(BaseModel):
    """`[transit]`: for the key store 'transit', the transit engine of HashiCorp Vault or OpenBao."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(default="", description="such as https://vault.bank:8200")
    mount: str = Field(
        default="transit", pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$", description="where it is mounted"
    )
    key: str = Field(
        default="lingque", pattern=r"^[A-Za-z0-9_.-]+$", description="name of the key, of type aes256-gcm96"
    )
    token: SecretStr = Field(default=SecretStr(""), description="set it by the environment, not in the file")
    ca_file: str = Field(default="", description="certificates that vouch for it; empty: those of the system")
    namespace: str = Field(default="", description="namespace, where it has them")


class SmtpSection(BaseModel):
    """`[smtp]`: the mail server that takes what the bank sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(default="127.0.0.1", description="mail server")
    port: int = Field(default=8025, ge=1, le=65535, description="its port; 8025 is where 'lingque mailbox' listens")
    user: str = Field(default="", description="login; empty: none")
    password: SecretStr = Field(default=SecretStr(""), description="set it by the environment, not in the file")
    tls: Literal["none", "starttls", "tls"] = Field(default="none", description="how the connection is secured")


class SenderSection(BaseModel):
    """`[sender]`: who answers for every message; shown in each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default="示例银行 Example Bank", description="the bank's true name")
    contact: str = Field(default="95555", description="how customers reach the bank")
    from_address: str = Field(default="news@bank.example", description="the sender's mail address")
    opt_out_base: str = Field(default="http://127.0.0.1:8000", description="public address of 'lingque serve'")


class ContactSection(BaseModel):
    """`[contact]`: when marketing messages wait. Times and days of the business time zone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quiet_from: str = Field(default="21:00", description="from when on messages wait; empty, as quiet_to: never")
    quiet_to: str = Field(default="09:00", description="when they may go out again")
    quiet_days: tuple[date, ...] = Field(default=(), description="days on which none go out, such as 2026-10-01")

    @field_validator("quiet_from", "quiet_to")
    @classmethod
    def _time_of_day(cls, text: str) -> str:
        if text and not _TIME_OF_DAY.fullmatch(text):
            raise ValueError("not a time such as 21:00")
        return text

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.quiet_from) != bool(self.quiet_to) or (self.quiet_from and self.quiet_from == self.quiet_to):
            raise ValueError("quiet_from and quiet_to are two different times, or both empty")
        return self


class RightsSection(BaseModel):
    """`[rights]`: how customers' requests are answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    deadline_days: int = Field(default=30, ge=1, le=90, description="days in which a customer's request is answered")
    legal_hold: tuple[str, ...] = Field(
        default=("decisions",),
        description="tables of the data plane that a law keeps from erasure, by surrogate; 'vault': the identity too, "
        "so that every erasure becomes a restriction",
    )


class RetentionSection(BaseModel):
    """`[retention]`: for how long what is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep: dict[str, int] = Field(
        default={
            "idempotent_answers/service": 30,
            "quarantine/service": 180,
            "corrections/service": 180,
            "contact_ledger/marketing": 400,
            "allotments/marketing": 180,
        },
        description="days per table and purpose, as 'transactions/marketing' = 730; a table is kept for the longest of "
        "its purposes, one that is not named for ever",
    )
    keep_snapshots: frozenset[Literal["month_ends", "referred"]] = Field(
        default=frozenset({"referred"}),
        description="which older days of 'customer_tags' stay all the same: those of the ends of months (as of the "
        "first), those that decisions or open plans refer to",
    )

    @field_validator("keep")
    @classmethod
    def _rules(cls, rules: dict[str, int]) -> dict[str, int]:
        for rule, days in rules.items():
            table, _, purpose = rule.partition("/")
            if not table or purpose.upper() not in Purpose.__members__:
                known = ", ".join(one.name.lower() for one in Purpose)
                raise ValueError(f"'{rule}' is not a table and a purpose such as transactions/marketing ({known})")
            if days < 1:
                raise ValueError(f"'{rule}' must be kept for a day at least")
        return rules


class BackupSection(BaseModel):
    """`[backup]`: where copies go that are asked for over the API."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str = Field(
        default="", description="folder for copies, in the workspace or a full path; empty: at the command line only"
    )


class FileDropSection(BaseModel):
    """`[file_drop]`: where batches for the SMS gateway and the work lists of relationship managers are put."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str = Field(default="outgoing", description="that folder, in the workspace; only its owner may read it")


class AccessSection(BaseModel):
    """`[access]`: how people sign in, and how it is known whose customer is whose."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    idle_minutes: int = Field(default=15, ge=1, le=1440, description="a session without a request ends after so long")
    session_hours: int = Field(default=12, ge=1, le=168, description="a session ends after so long in any case")
    password_memory_mib: int = Field(default=64, ge=8, le=4096, description="memory that one guess at a password costs")
    passwords_at_once: int = Field(default=4, ge=1, le=64, description="passwords that are looked at at the same time")
    failures_per_minute: int = Field(
        default=30, ge=1, le=10_000, description="failed sign-ins of one address within a minute; more have to wait"
    )
    organisations: str = Field(
        default="", description="contract of the bank's places (org_code, name, level, parent_code); empty: none"
    )
    staff: str = Field(default="", description="contract of the bank's staff (staff_no, branch_code); empty: none")
    branch_tag: str = Field(default="", description="tag that names a customer's branch; empty: branches have none")
    manager_tag: str = Field(default="", description="tag that names who looks after a customer; empty: nobody does")
    household_tag: str = Field(
        default="", description="tag of which customers who live together have the same value; empty: nobody knows"
    )


class ApprovalsSection(BaseModel):
    """`[approvals]`: what takes more than one approver. A campaign without a hold-out always takes two."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    second_above_customers: int | None = Field(default=None, ge=0, description="a larger audience takes two approvers")
    second_above_cost: int | None = Field(
        default=None, ge=0, description="contacts that cost more take two approvers; in minor units (fen)"
    )
    second_for_classes: tuple[ClassName, ...] = Field(
        default=(), description="a campaign that looks at data of these classes takes two approvers"
    )
    definitions: bool = Field(default=False, description="definitions are approved before they are applied")
    consents: bool = Field(
        default=False,
        description="consents that a file brings are approved before they count; withdrawals count at once",
    )


class Settings(BaseSettings):
    """Everything a workspace can set."""

    model_config = SettingsConfigDict(env_prefix="LINGQUE_", env_nested_delimiter="__", extra="forbid", frozen=True)

    workspace: WorkspaceSection = WorkspaceSection()
    control: ControlSection = ControlSection()
    warehouse: WarehouseSection = WarehouseSection()
    vault: VaultSection = VaultSection()
    transit: TransitSection = TransitSection()
    smtp: SmtpSection = SmtpSection()
    sender: SenderSection = SenderSection()
    contact: ContactSection = ContactSection()
    file_drop: FileDropSection = FileDropSection()
    rights: RightsSection = RightsSection()
    access: AccessSection = AccessSection()
    approvals: ApprovalsSection = ApprovalsSection()
    retention: RetentionSection = RetentionSection()
    backup: BackupSection = BackupSection()
    connections: dict[str, SecretStr] = Field(
        default={}, description="databases of the bank whose tables are read: name = postgresql://user@host/name"
    )


def load_settings(folder: Path) -> Settings:
    """The settings of a workspace. Raises `ConfigurationError` that names the file and the setting."""
    path = folder / FILE
    if not path.is_file():
        raise ConfigurationError(
            f"{folder} is not a workspace: there is no {FILE}",
            next_step=f"run 'lingque init {folder}', or name the right folder with --workspace",
        )

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=path)

    try:
        return FromFile()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"{path.name}: setting '{name}': {first['msg'].removeprefix('Value error, ')}",
            next_step="see docs/reference/settings.md",
        ) from None
    except ValueError as error:  # TOMLDecodeError is one
        raise ConfigurationError(f"{path.name} is not TOML: {error}", next_step="mend the line named") from error
