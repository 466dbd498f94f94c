"""What administrators and compliance keep: the audit trail, copies of both planes, what is kept for how long."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from lingque.core.clock import datetime_of
from lingque.core.errors import ConflictError
from lingque.core.reasons import Refusal
from lingque.entry.api.asking import denied, no_body
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.shapes import Request
from lingque.flow.backup import list_erased, make_backup
from lingque.flow.keeping import export_audit, list_audit, seal_audit, verify_audit
from lingque.flow.retention import Expired, plan_retention, run_retention
from lingque.govern.audit import MOST_LISTED
from lingque.govern.contracts import Action

router = guarded_router("keeping")

ARCHIVE = "application/zip"
BINARY = {"type": "string", "format": "binary"}
Block = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="a block noted down earlier")]
Digest = Annotated[str | None, Query(pattern="^[0-9a-f]{64}$", description="its digest")]


class EntryAnswer(BaseModel):
    """An entry of the trail."""

    number: int
    at: datetime
    actor: str
    act: str
    subject: str
    detail: dict[str, Any]
    sealed: bool = Field(description="false: nothing protects it yet")


class EntriesAnswer(BaseModel):
    """In order; ask again after the last number for those that follow."""

    entries: list[EntryAnswer]


class BlockAnswer(BaseModel):
    """The newest sealed block: note it down where nobody here can write."""

    block: int
    digest: str


class VerdictAnswer(BaseModel):
    """What a verification found; sound where there is no fault."""

    sound: bool
    faults: list[str]
    blocks: int
    entries: int
    unsealed: int
    digest: str


class BackupRequest(Request):
    """A new copy, in the folder of the setting `backup.folder`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class BackupAnswer(BaseModel):
    """What was copied; no key is in it."""

    name: str
    rows: int
    files: int
    tables: int


class ErasedAnswer(BaseModel):
    """Surrogates of the erased, by customer, for a restore to erase again: they stand for nobody any more."""

    erased: dict[str, list[str]] = Field(description="strings: a surrogate has more digits than JSON readers keep")


class ExpiredAnswer(BaseModel):
    """What of a table is older than any of its purposes needs."""

    table: str
    plane: str
    days: dict[str, int] = Field(description="by purpose")
    before: date
    rows: int

    @classmethod
    def of(cls, one: Expired) -> ExpiredAnswer:
        days = {purpose.name.lower(): count for purpose, count in one.purposes.items()}
        return cls(table=one.table, plane=one.plane, days=days, before=one.before, rows=one.rows)


class RetentionAnswer(BaseModel):
    """Per table that has a rule."""

    tables: list[ExpiredAnswer]


@router.get(
    "/audit/entries", operation_id="list_audit_entries", summary="Entries of the trail", response_model=EntriesAnswer
)
def get_entries(
    workspace: Workspace,
    caller: Caller,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="the entry after which to begin")] = 0,
    most: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
) -> EntriesAnswer | Response:
    found = list_audit(workspace.services, caller, after=after, most=most)
    if isinstance(found, Refusal):
        return refusal_response(found)
    return EntriesAnswer(
        entries=[
            EntryAnswer(
                number=one.number,
                at=datetime_of(one.at),
                actor=one.actor,
                act=one.act,
                subject=one.subject,
                detail=dict(one.detail),
                sealed=one.sealed,
            )
            for one in found
        ]
    )


@router.post(
    "/audit/seals",
    operation_id="seal_audit",
    summary="Seal what was written since the last time",
    response_model=BlockAnswer,
    dependencies=[Depends(no_body)],
)
def post_seal(workspace: Workspace, caller: Caller) -> BlockAnswer | Response:
    done = seal_audit(workspace.services, caller)
    return (
        refusal_response(done) if isinstance(done, Refusal) else BlockAnswer(block=done.block, digest=done.digest.hex())
    )


@router.get(
    "/audit/verdict", operation_id="verify_audit", summary="Is the trail what was sealed?", response_model=VerdictAnswer
)
def get_verdict(
    workspace: Workspace, caller: Caller, block: Block = None, digest: Digest = None
) -> VerdictAnswer | Response:
    """With a block and its digest from elsewhere it is also found where everything before it was made anew."""
    if (block is None) != (digest is None):
        alone = {"type": "value_error", "loc": ("query",), "msg": "A block and its digest go together"}
        raise RequestValidationError([alone])
    noted = None if block is None or digest is None else (block, bytes.fromhex(digest))
    found = verify_audit(workspace.services, caller, noted=noted)
    if isinstance(found, Refusal):
        return refusal_response(found)
    return VerdictAnswer(
        sound=not found.faults,
        faults=list(found.faults),
        blocks=found.blocks,
        entries=found.entries,
        unsealed=found.unsealed,
        digest=found.digest.hex(),
    )


@router.get(
    "/audit/export",
    operation_id="export_audit",
    summary="Everything sealed, in one file that checks itself",
    response_class=Response,
    responses={200: {"description": "Run it with python3", "content": {ARCHIVE: {"schema": BINARY}}}},
)
def get_export(workspace: Workspace, caller: Caller) -> Response:
    folder = Path(tempfile.mkdtemp())
    path = folder / "audit.pyz"
    done = export_audit(workspace.services, path, caller)
    if isinstance(done, Refusal):
        folder.rmdir()
        return refusal_response(done)
    return FileResponse(path, media_type=ARCHIVE, background=BackgroundTask(shutil.rmtree, folder))


@router.post("/backups", operation_id="make_backup", summary="Copy both planes", response_model=BackupAnswer)
def post_backup(body: BackupRequest, workspace: Workspace, caller: Caller) -> BackupAnswer | Response:
    """409 where the setting names no folder, or there is a copy of that name. No key leaves over the API."""
    refusal = denied(workspace, caller, Action.BACK_UP, act="make_backup", subject="workspace")
    if refusal is not None:
        return refusal
    folder = workspace.settings.backup.folder
    if not folder:
        raise ConflictError("no folder for copies is set", next_step="set 'backup.folder'")
    with workspace.writing() as services:
        done = make_backup(services, services.folder / folder / body.name, caller)
    if isinstance(done, Refusal):
        return refusal_response(done)
    return BackupAnswer(name=body.name, rows=done.rows, files=done.files, tables=len(done.tables))


@router.get("/erased", operation_id="list_erased", summary="The list of the erased", response_model=ErasedAnswer)
def get_erased(workspace: Workspace, caller: Caller) -> ErasedAnswer | Response:
    """A restore needs the newest: keep it apart from the machine."""
    found = list_erased(workspace.services, caller)
    if isinstance(found, Refusal):
        return refusal_response(found)
    return ErasedAnswer(erased={str(one.customer_id): [str(n) for n in one.parties] for one in found})


@router.get("/retention", operation_id="plan_retention", summary="What would go now", response_model=RetentionAnswer)
def get_retention(workspace: Workspace, caller: Caller) -> RetentionAnswer | Response:
    return _expired(plan_retention(workspace.services, caller))


@router.post(
    "/retention/purges",
    operation_id="run_retention",
    summary="Purge it in both planes",
    response_model=RetentionAnswer,
    dependencies=[Depends(no_body)],
)
def post_purge(workspace: Workspace, caller: Caller) -> RetentionAnswer | Response:
    """The certificate is an entry of the trail."""
    with workspace.writing() as services:
        return _expired(run_retention(services, caller))


def _expired(found: Sequence[Expired] | Refusal) -> RetentionAnswer | Response:
    if isinstance(found, Refusal):
        return refusal_response(found)
    return RetentionAnswer(tables=[ExpiredAnswer.of(one) for one in found])
