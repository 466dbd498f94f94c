"""What has come and can be loaded: files in the landing folder, and days of tables in the bank's databases."""

from __future__ import annotations

import dataclasses
import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lingque.catalog.definitions import SourceDefinition, TableRead
from lingque.core.clock import BusinessCalendar, Clock
from lingque.core.errors import WarehouseError
from lingque.ingest.contracts import Waiting
from lingque.ingest.files import Delivery, SourceFile, deliveries, waiting_for
from lingque.ingest.lateness import loaded_days
from lingque.ingest.quality import held_days
from lingque.ingest.quarantine import corrected_days
from lingque.ingest.reading.postgres import SourceTables
from lingque.store.database import Database


class Arrivals:
    """Made by `bootstrap`. `scratch` is a folder that nobody else uses."""

    def __init__(
        self,
        *,
        landing: Path,
        scratch: Path,
        tables: SourceTables,
        database: Database,
        clock: Clock,
        calendar: BusinessCalendar,
    ) -> None:
        self._landing = landing
        self._scratch = scratch
        self._tables = tables
        self._database = database
        self._clock = clock
        self._calendar = calendar

    def deliveries(self, source: SourceDefinition) -> list[Delivery]:
        """Every complete delivery of the source, oldest data date first; what was loaded before is recognised later.

        Of a table: the days after the newest one loaded that are over, and those with corrections or held rows.
        Raises `SourceError`.
        """
        reads = [read for read in source.reads.values() if isinstance(read, TableRead)]
        if len(reads) < len(source.reads):
            return deliveries(source, self._landing)
        with self._database.reading() as connection:
            newest = max(loaded_days(connection, [source.source])[source.source], default=None)
            owed = held_days(connection, source.source) | corrected_days(connection, source.source)
        today = self._calendar.day_of(self._clock.now())  # rows may still be added to it
        new = {day for read in reads for day in self._tables.days(read, after=newest, before=today)}
        return deliveries(source, self._landing, table_days=new | owed)

    def waiting(self, source: SourceDefinition) -> list[Waiting]:
        """What has come in part and waits for its control file. Raises `SourceError`."""
        return waiting_for(source, self._landing)

    @contextmanager
    def fetched(self, delivery: Delivery) -> Iterator[Delivery]:
        """The delivery with everything on the disk: rows of tables as files, and a folder for what is written anew.

        The folder goes when the block is left, and what a process that died left in it goes before. One process at a
        time may be in here: the workspace's lock says so.
        """
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True, mode=0o700)
        try:
            fetched = dataclasses.replace(delivery, scratch=self._scratch)
            tables = {
                name: (self._extracted(fetched, read),)
                for name, read in delivery.source.reads.items()
                if isinstance(read, TableRead)
            }
            yield dataclasses.replace(fetched, files={**delivery.files, **tables}) if tables else fetched
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise WarehouseError(
                f"the disk is full: {delivery.subject} could not be loaded",
                next_step="make room and ingest again; nothing of it was published",
            ) from error
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _extracted(self, delivery: Delivery, read: TableRead) -> SourceFile:
        path = delivery.new_scratch_file()
        self._tables.extract(read, delivery.data_date, path)
        return SourceFile(name=f"{read.connection}/{read.table}", path=path)
