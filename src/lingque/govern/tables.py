"""The control-plane tables of `govern`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    false,
)

from lingque.store.schema import METADATA, InstantColumn, JsonColumn, SerialKey

users = Table(
    "users",
    METADATA,
    Column("user_name", String(64), primary_key=True),
    Column("person", String(64), nullable=False),
    Column("roles", JsonColumn, nullable=False),
    Column("added_at", InstantColumn, nullable=False),
    Column("scope_kind", String(16), nullable=False, server_default="bank"),
    Column("scope_of", String(64), nullable=False, server_default=""),
    Column("password_hash", String(200), nullable=True),
    Column("failed_sign_ins", Integer, nullable=False, server_default="0"),
    Column("locked_until", InstantColumn, nullable=False, server_default="0"),
    Column("disabled_at", InstantColumn, nullable=True),
)

api_keys = Table(
    "api_keys",
    METADATA,
    Column("key_digest", String(64), primary_key=True),
    Column("user_name", String(64), ForeignKey("users.user_name"), nullable=False),
    Column("added_at", InstantColumn, nullable=False),
    Column("expires_at", InstantColumn, nullable=True),
    Column("revoked_at", InstantColumn, nullable=True),
)

sessions = Table(
    "sessions",
    METADATA,
    Column("session_digest", String(64), primary_key=True),
    Column("user_name", String(64), ForeignKey("users.user_name"), nullable=False, index=True),
    Column("begun_at", InstantColumn, nullable=False),
    Column("seen_at", InstantColumn, nullable=False),
    Column("ended_at", InstantColumn, nullable=True),
)

organisations = Table(
    "organisations",
    METADATA,
    Column("code", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("level", String(16), nullable=False),
    # of one that was merged: the place it was merged into
    Column("parent_code", String(64), nullable=False),
    # no longer in the bank's file; kept where it hung, for customers and scopes that still name it
    Column("closed", Boolean, nullable=False, server_default=false()),
)

staff_places = Table(
    "staff_places",
    METADATA,
    Column("staff_no", String(64), primary_key=True),
    Column("org_code", String(64), nullable=False),
)

delegations = Table(
    "delegations",
    METADATA,
    Column("delegation_id", SerialKey, primary_key=True),
    Column("from_user", String(64), ForeignKey("users.user_name"), nullable=False),
    Column("to_user", String(64), ForeignKey("users.user_name"), nullable=False),
    Column("action", String(32), nullable=False),
    Column("begins_at", InstantColumn, nullable=False),
    Column("ends_at", InstantColumn, nullable=False),
    Column("made_at", InstantColumn, nullable=False),
)

subjects = Table(
    "subjects",
    METADATA,
    Column("party_id", BigInteger, primary_key=True, autoincrement=False),
    Column("customer_id", BigInteger, nullable=False, index=True),
    Column("birth_date", Date, nullable=True),
)

consents = Table(
    "consents",
    METADATA,
    Column("consent_id", SerialKey, primary_key=True),
    Column("party_id", BigInteger, nullable=False),
    Column("purpose", SmallInteger, nullable=False),
    Column("channel", String(32), nullable=False),
    Column("data_classes", Integer, nullable=False),
    Column("given", Boolean, nullable=False),
    Column("by_guardian", Boolean, nullable=False, server_default=false()),
    Column("acted_at", InstantColumn, nullable=False),
    Column("expires_at", InstantColumn, nullable=True),
    Column("wording_version", String(64), nullable=False),
    Column("evidence", String(200), nullable=False),
    Column("origin", String(128), nullable=False, unique=True),
    Column("recorded_at", InstantColumn, nullable=False),
    Index("ix_consents_of_party", "party_id", "purpose", "channel"),
)

consent_imports = Table(
    "consent_imports",
    METADATA,
    Column("import_id", SerialKey, primary_key=True),
    Column("subject", String(128), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("statements", Integer, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("submitted_by", String(64), nullable=False),
    Column("submitted_at", InstantColumn, nullable=False),
    Column("decided_at", InstantColumn, nullable=True),
    Column("recorded", Integer, nullable=True),
)

# statements that give consent and wait for a second person; they count for nothing, and go when it is decided
staged_consents = Table(
    "staged_consents",
    METADATA,
    Column("import_id", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("party_id", BigInteger, nullable=False, index=True),
    Column("purpose", SmallInteger, nullable=False),
    Column("channel", String(32), nullable=False),
    Column("data_classes", Integer, nullable=False),
    Column("by_guardian", Boolean, nullable=False),
    Column("acted_at", InstantColumn, nullable=False),
    Column("expires_at", InstantColumn, nullable=True),
    Column("wording_version", String(64), nullable=False),
    Column("evidence", String(200), nullable=False),
    Column("origin", String(128), nullable=False, index=True),
)

reveal_batches = Table(
    "reveal_batches",
    METADATA,
    Column("batch_id", SerialKey, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("purpose", SmallInteger, nullable=False),
    Column("reason", String(200), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("customers", Integer, nullable=False),
    Column("requested_by", String(64), nullable=False),
    Column("requested_at", InstantColumn, nullable=False),
    Column("expires_at", InstantColumn, nullable=False),
)

# what was asked for and approved: evidence, so it stays, by surrogates, when a customer is erased
reveal_members = Table(
    "reveal_members",
    METADATA,
    Column("batch_id", BigInteger, primary_key=True, autoincrement=False),
    Column("customer_id", BigInteger, primary_key=True, autoincrement=False, index=True),
)

automated_refusals = Table(
    "automated_refusals",
    METADATA,
    Column("refusal_id", SerialKey, primary_key=True),
    Column("party_id", BigInteger, nullable=False, index=True),
    Column("refused", Boolean, nullable=False),
    Column("acted_at", InstantColumn, nullable=False),
    Column("wording_version", String(64), nullable=False),
    Column("evidence", String(200), nullable=False),
    Column("recorded_at", InstantColumn, nullable=False),
)

refused_tags = Table(
    "refused_tags",
    METADATA,
    Column("refusal_id", SerialKey, primary_key=True),
    Column("party_id", BigInteger, nullable=False, index=True),
    Column("tag", String(64), nullable=False),
    Column("refused", Boolean, nullable=False),
    Column("acted_at", InstantColumn, nullable=False),
    Column("evidence", String(200), nullable=False),
    Column("recorded_at", InstantColumn, nullable=False),
)

legal_bases = Table(
    "legal_bases",
    METADATA,
    Column("basis_id", SerialKey, primary_key=True),
    Column("purpose", SmallInteger, nullable=False),
    Column("data_classes", Integer, nullable=False),
    Column("article", String(64), nullable=False),
    Column("document", String(200), nullable=False),
    Column("begins_at", InstantColumn, nullable=False),
    Column("ends_at", InstantColumn, nullable=False),
    Column("recorded_by", String(64), nullable=False),
    Column("recorded_at", InstantColumn, nullable=False),
)

# one row, counted up by every change of what permits are judged by
register_version = Table(
    "register_version",
    METADATA,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
)

register_changes = Table(
    "register_changes",
    METADATA,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("customer_id", BigInteger, primary_key=True, autoincrement=False),
)

list_members = Table(
    "list_members",
    METADATA,
    # one row per membership; ending one says when and by whom, and nothing is ever deleted
    Column("membership_id", SerialKey, primary_key=True),
    Column("list_name", String(64), nullable=False),
    Column("party_id", BigInteger, nullable=False, index=True),
    Column("delivered", Boolean, nullable=False),
    Column("origin", String(128), nullable=False),
    Column("added_at", InstantColumn, nullable=False),
    Column("added_by", String(64), nullable=False),
    Column("expires_at", InstantColumn, nullable=False),
    Column("removed_at", InstantColumn, nullable=False),
    Column("removed_by", String(64), nullable=False),
    Column("reason", String(200), nullable=False, server_default=""),
    Index("ix_list_members_list", "list_name", "removed_at"),
)

approvals = Table(
    "approvals",
    METADATA,
    Column("approval_id", SerialKey, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("digest", String(64), nullable=False, index=True),
    Column("submitted_by", String(64), nullable=False),
    Column("decided_by", String(64), nullable=False),
    Column("on_behalf_of", String(64), nullable=False, server_default=""),
    Column("approved", Boolean, nullable=False),
    Column("comment", Text, nullable=False),
    Column("decided_at", InstantColumn, nullable=False),
)

audit = Table(
    "audit",
    METADATA,
    Column("audit_id", SerialKey, primary_key=True),
    Column("at", InstantColumn, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("act", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("detail", JsonColumn, nullable=False),
)

rights_requests = Table(
    "rights_requests",
    METADATA,
    Column("request_id", SerialKey, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("customer_id", BigInteger, nullable=False, index=True),
    Column("state", String(16), nullable=False, index=True),
    Column("received_at", InstantColumn, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("received_by", String(64), nullable=False),
    Column("verified", String(200), nullable=False),
    Column("closed_at", InstantColumn, nullable=True),
    Column("closed_by", String(64), nullable=True),
    Column("outcome", JsonColumn, nullable=False),
)

erasures = Table(
    "erasures",
    METADATA,
    # who must not come back with a restored backup: surrogates only, which then stand for nobody
    Column("party_id", BigInteger, primary_key=True, autoincrement=False),
    Column("customer_id", BigInteger, nullable=False, index=True),
    Column("request_id", BigInteger, nullable=False),
    Column("erased_at", InstantColumn, nullable=False),
)

audit_blocks = Table(
    "audit_blocks",
    METADATA,
    Column("block", Integer, primary_key=True, autoincrement=False),
    # every entry with an id above the block before and up to this one
    Column("last_id", BigInteger, nullable=False),
    Column("entries", Integer, nullable=False),
    # eight bytes per entry, in order: they say which entry is not what was sealed
    Column("leaves", LargeBinary, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("seal", LargeBinary(32), nullable=False),
    Column("sealed_at", InstantColumn, nullable=False),
)

vault_surrogates = Table(
    "vault_surrogates",
    METADATA,
    Column("namespace", String(128), primary_key=True),
    Column("key_index", LargeBinary(32), primary_key=True),
    Column("surrogate", BigInteger, nullable=False, unique=True),
)

vault_wrapping_keys = Table(
    "vault_wrapping_keys",
    METADATA,
    Column("wrapping_key", Integer, primary_key=True, autoincrement=False),
    Column("master_key", String(200), nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
)

vault_secrets = Table(
    "vault_secrets",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("master_key", String(200), nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
)

vault_keys = Table(
    "vault_keys",
    METADATA,
    Column("party_id", BigInteger, primary_key=True, autoincrement=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    # a wrapping key cannot go while a data key stands on it; empty: wrapped by the master key, as it was done first
    Column("wrapping_key", Integer, ForeignKey("vault_wrapping_keys.wrapping_key"), nullable=True, index=True),
)

vault_identifiers = Table(
    "vault_identifiers",
    METADATA,
    Column("party_id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("value_index", LargeBinary(32), nullable=True, index=True),
)

# an erased party's key of its source, by an HMAC of its blind index under a secret of their own; for whom it stood is
# not kept
vault_tombstones = Table(
    "vault_tombstones",
    METADATA,
    Column("key_index", LargeBinary(32), primary_key=True),
    Column("erased_at", InstantColumn, nullable=False),
)

returned_parties = Table(
    "returned_parties",
    METADATA,
    # new surrogates that a source delivered under the key of somebody who was erased
    Column("party_id", BigInteger, primary_key=True, autoincrement=False),
    Column("erased_at", InstantColumn, nullable=False),
)
