"""Sources: which files or tables of the bank fill a contract, and how they are read."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lingque.catalog.definitions.shared import Definition, Name

DATED = "{data_date}"


class FileRead(Definition):
    """Files of one form. `{data_date}` in `files` stands for YYYYMMDD.

    Every value is read as text. `fixed_width` cuts lines by `fields` (name: [first byte from 1, bytes], counted in the
    file's own encoding); a CSV without a header line names its `columns`.
    """

    files: tuple[str, ...] = Field(min_length=1)
    format: Literal["csv", "fixed_width", "jsonl", "parquet"] = "csv"
    encoding: Literal["utf-8", "gb18030", "latin-1"] = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', min_length=1, max_length=1)
    columns: tuple[Name, ...] = Field(default=(), description="the names, where a CSV file has no header line")
    fields: dict[Name, tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]] = Field(
        default={}, description="of a fixed-width line: first byte (from 1) and number of bytes"
    )

    @model_validator(mode="after")
    def _form(self) -> Self:
        if (self.format == "fixed_width") != bool(self.fields):
            raise ValueError("a fixed_width file says its 'fields', and no other has them")
        if self.columns and self.format != "csv":
            raise ValueError("'columns' go with format csv")
        if self.format == "parquet" and self.encoding != "utf-8":
            raise ValueError("a parquet file has no encoding to choose")
        return self


class TableRead(Definition):
    """Rows of a PostgreSQL table. `date_column` holds the data date of each row."""

    table: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$")
    connection: Name = Field(description="a name under [connections] in the settings")
    date_column: Name


class ControlFile(Definition):
    """The file that says a delivery is complete, and how many rows and what totals it must have.

    Its content is `key=value` lines, a JSON object, or CSV with a header and one line.
    """

    file: str = Field(description="its name; {data_date} stands for YYYYMMDD")
    of: Name = Field(description="the read it speaks of")
    format: Literal["key_value", "json", "csv"] = "key_value"
    rows: str = Field(default="rows", description="the key that holds the number of rows")
    totals: dict[str, str] = Field(default={}, description="column of the read: the key that holds its sum")

    @model_validator(mode="after")
    def _dated(self) -> Self:
        if DATED not in self.file:
            raise ValueError("the name of a control file holds {data_date}")
        return self


class LateRule(Definition):
    """What happens when the data date that a snapshot needs is not there yet.

    `wait`: no snapshot. `previous`: the snapshot goes on with what came before, and says so. `alert`: likewise, and it
    is an alert besides.
    """

    every: Literal["day", "weekday"] = "day"
    rule: Literal["wait", "previous", "alert"] = "wait"


class SourceDefinition(Definition):
    """How one contract is filled from the bank's files or tables: what is read, and the SQL that maps it."""

    source: Name
    system: Name = Field(description="the source system; a customer key means something only within one")
    contract: Name
    data_date: date | None = Field(default=None, description="the day the files speak of, where their names do not say")
    reads: dict[Name, FileRead | TableRead] = Field(min_length=1)
    control: ControlFile | None = None
    late: LateRule | None = Field(default=None, description="stated where a snapshot must not miss this source")
    mapping: str = Field(description="the SQL file, relative to the workspace")
    mapping_sql: str = ""

    @model_validator(mode="after")
    def _one_date(self) -> Self:
        dated = any(
            isinstance(read, TableRead) or any(DATED in pattern for pattern in read.files)
            for read in self.reads.values()
        )
        if dated == (self.data_date is not None):
            raise ValueError("either the file names hold {data_date} or 'data_date' says the day")
        if self.control is not None and self.control.of not in self.reads:
            raise ValueError(f"control.of: there is no read '{self.control.of}'")
        return self
