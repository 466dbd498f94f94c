"""A source and its files without a workspace: write them, read them, ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lingque.catalog.definitions import SourceDefinition
from lingque.core.clock import BusinessCalendar
from lingque.ingest.files import Delivery, deliveries
from lingque.ingest.reading import read_delivery
from lingque.warehouse.engine import Session
from lingque.warehouse.tables import DeltaTables

DAY = date(2026, 6, 1)
CALENDAR = BusinessCalendar(ZoneInfo("Asia/Shanghai"))


def source(read: dict[str, Any], **more: Any) -> SourceDefinition:
    return SourceDefinition.model_validate(
        {
            "source": "core_rows",
            "system": "core",
            "contract": "rows",
            "reads": {"rows": read},
            "mapping": "m.sql",
            **more,
        }
    )


@dataclass(frozen=True)
class Landing:
    """A landing folder with a scratch folder beside it."""

    folder: Path

    def put(self, name: str, content: bytes | str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def delivery(self, of: SourceDefinition) -> Delivery:
        (found,) = deliveries(of, self.folder)
        scratch = self.folder.parent / "scratch"
        scratch.mkdir(exist_ok=True)
        return Delivery(source=of, data_date=found.data_date, files=found.files, control=found.control, scratch=scratch)

    def rows(self, of: SourceDefinition) -> list[dict[str, Any]]:
        with Session(DeltaTables(self.folder.parent), memory_limit="256MB", threads=1) as session:
            read_delivery(session, self.delivery(of), CALENDAR)
            rows: list[dict[str, Any]] = session.ask('SELECT * FROM "rows" ORDER BY _file, _row').to_pylist()
            return rows
