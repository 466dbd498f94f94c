"""Every form of file becomes rows of text with `_file` and `_row`; what cannot be read is named and not repeated."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_here import Landing, source

from lingque.core.errors import SourceError
from lingque.ingest.reading import fixed_width, json_lines, transcoding

FILE = "rows_20260601.dat"
FILES = {"files": ["rows_{data_date}.dat"]}
FIELDS = {"no": [1, 4], "name": [5, 8], "amount": [13, 6]}


def csv_of(**more: Any) -> Any:
    return source({**FILES, **more})


def fixed(**more: Any) -> Any:
    return source({**FILES, "format": "fixed_width", "fields": FIELDS, **more})


JSONL = source({**FILES, "format": "jsonl"})
PARQUET = source({**FILES, "format": "parquet"})


def values(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", "no,name\n1,上海\n2,é\n".encode()),
        ("utf-8", "\ufeffno,name\r\n1,上海\r\n2,é\r\n".encode()),
        ("gb18030", "no,name\n1,上海\n2,é\n".encode("gb18030")),
        ("gb18030", "\ufeffno,name\n1,上海\n2,é\n".encode("gb18030")),
    ],
)
def test_a_csv_file_is_read_in_its_encoding(encoding: str, content: bytes, landing: Landing) -> None:
    landing.put(FILE, content)
    assert landing.rows(csv_of(encoding=encoding)) == [
        {"no": "1", "name": "上海", "_file": FILE, "_row": 1},
        {"no": "2", "name": "é", "_file": FILE, "_row": 2},
    ]


def test_latin_1_is_read_too(landing: Landing) -> None:
    landing.put(FILE, "no,name\n1,Müller\n".encode("latin-1"))
    assert values(landing.rows(csv_of(encoding="latin-1")), "name") == [("Müller",)]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_csv_file_without_a_header_has_the_columns_stated(encoding: str, landing: Landing) -> None:
    landing.put(FILE, '1|上海\n2|"a|b"\n'.encode(encoding))
    rows = landing.rows(csv_of(columns=["no", "name"], delimiter="|", encoding=encoding))
    assert values(rows, "no", "name", "_row") == [("1", "上海", 1), ("2", "a|b", 2)]
    landing.put(FILE, "")
    assert landing.rows(csv_of(columns=["no", "name"], encoding=encoding)) == []


def test_nothing_is_left_of_what_was_written_anew_but_in_the_scratch_folder(landing: Landing) -> None:
    landing.put(FILE, "no\n1\n".encode("gb18030"))
    landing.rows(csv_of(encoding="gb18030"))
    (written,) = (landing.folder.parent / "scratch").iterdir()
    assert written.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in landing.folder.iterdir()] == [FILE]


@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
def test_broken_gb18030_is_found_in_its_line_however_the_file_is_cut(
    chunk: int, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcoding, "CHUNK", chunk)
    lines = ["no,name", "1,上海", "2,北京", "3,秘密"]
    good = "\n".join(lines).encode("gb18030")
    landing.put(FILE, good)
    assert values(landing.rows(csv_of(encoding="gb18030")), "name") == [("上海",), ("北京",), ("秘密",)]
    for broken in (good.replace("京".encode("gb18030"), b"\xff\xff"), good[:-1]):
        landing.put(FILE, broken)
        line = 3 if b"\xff" in broken else 4
        with pytest.raises(SourceError, match=f"{FILE}, line {line}: bytes that are not of the encoding") as refused:
            landing.rows(csv_of(encoding="gb18030"))
        assert "秘" not in str(refused.value)


def line(no: str, name: str, amount: str, encoding: str = "utf-8") -> bytes:
    widths = zip((no, name, amount), (4, 8, 6), strict=True)
    return b"".join(text.encode(encoding).ljust(width) for text, width in widths)


def cut(landing: Landing, of: Any) -> list[dict[str, Any]]:
    tables = fixed_width.read_fixed_width(landing.folder / FILE, FILE, of.reads["rows"])
    rows: list[dict[str, Any]] = pa.concat_tables(list(tables)).to_pylist()
    return rows


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "latin-1"])
@pytest.mark.parametrize(("end", "chunk"), [(b"\n", 1), (b"\r\n", 7), (b"\r\n", 1 << 20)])
def test_fixed_width_lines_are_cut_at_bytes_of_their_encoding(
    encoding: str, end: bytes, chunk: int, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fixed_width, "CHUNK", chunk)
    names = ("é", "ü ü", "") if encoding == "latin-1" else ("上海", "京 é", "")
    lines = [line(str(n), name, f"{n}.50", encoding) for n, name in enumerate(names, start=1)]
    for tail in (b"", end, end + end):
        landing.put(FILE, end.join(lines) + tail)
        rows = cut(landing, fixed(encoding=encoding))
        expected = [(str(n), name or None, f"{n}.50", FILE, n) for n, name in enumerate(names, start=1)]
        assert values(rows, "no", "name", "amount", "_file", "_row") == expected


def test_fixed_width_files_may_be_empty_have_a_mark_and_longer_lines(landing: Landing) -> None:
    landing.put(FILE, b"")
    assert landing.rows(fixed()) == []
    landing.put(FILE, b"\xef\xbb\xbf" + line("1", "a", "2") + b" more\n" + line("2", "b", "3"))
    assert values(landing.rows(fixed()), "no", "amount") == [("1", "2"), ("2", "3")]


@pytest.mark.parametrize("chunk", [7, 1 << 20])
@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([line("1", "a", "2"), line("2", "secret", "3")[:-1]], "line 2: is shorter than the 18 bytes"),
        ([line("1", "a", "2"), b"", b"", line("2", "secret", "3")], "line 2: is shorter than the 18 bytes"),
        ([line("1", "a", "2"), b"2   \xff\xffsecret      "], "line 2: bytes that are not of the encoding"),
        ([line("1", "a", "2"), b"2   secrets\xe4\xb8\xad     "], "line 2: bytes that are not of the encoding"),
    ],
)
def test_a_fixed_width_line_that_cannot_be_cut_is_named(
    lines: list[bytes], told: str, chunk: int, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fixed_width, "CHUNK", chunk)
    landing.put(FILE, b"\n".join(lines) + b"\n")
    with pytest.raises(SourceError, match=f"{FILE}, {told}") as refused:
        cut(landing, fixed())
    assert "secret" not in str(refused.value)


def test_json_lines_keep_the_text_of_numbers_and_the_union_of_keys(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "ROWS", 2)
    landing.put(
        FILE,
        '\ufeff{"no": 1, "amount": 10.50, "open": true, "name": null}\n'
        "\n"
        '{"no": 12345678901234567890123, "amount": 1E+2, "open": false, "name": ""}\n'
        '{"no": "3", "name": "上海", "tags": [1.50, "a", {"b": null}], "amount": 0.10}\r\n'
        '{"late": "yes", "name": "\\u4e0a"}',
    )
    rows = landing.rows(JSONL)
    assert [name for name in rows[0] if not name.startswith("_")] == ["no", "amount", "open", "name", "tags", "late"]
    assert values(rows, "no", "amount", "open", "name", "tags", "late", "_row") == [
        ("1", "10.50", "true", None, None, None, 1),
        ("12345678901234567890123", "1E+2", "false", "", None, None, 3),
        ("3", "0.10", None, "上海", '[1.50, "a", {"b": null}]', None, 4),
        (None, None, None, "上", None, "yes", 5),
    ]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xy", max_size=2), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50)
@given(JSON_VALUES)
def test_a_json_value_is_told_by_its_text(value: Any) -> None:
    with NamedTemporaryFile() as file:
        file.write(json.dumps({"value": value}, ensure_ascii=False).encode())
        file.flush()
        (rows,) = json_lines.read_json_lines(Path(file.name), "rows", JSONL.reads["rows"])
    found = rows.column("value")[0].as_py()
    if value is None or isinstance(value, str):
        assert found == value
    else:
        assert found is not None
        assert json.loads(found) == value


@pytest.mark.parametrize(
    "broken",
    [
        '{"no": 1',
        "[1]",
        "[]",
        '"secret"',
        '{"no": NaN}',
        '{"no": 1} {"no": 2}',
        '{"no": "secret", "no": 2}',
        '{"a": {"no": "secret", "no": 2}}',
        '{"no": "\\ud800"}',
        '{"a": ' + "[" * 20_000 + "]" * 20_000 + "}",
    ],
)
def test_a_line_that_is_no_json_object_is_named(broken: str, landing: Landing) -> None:
    landing.put(FILE, f'{{"no": 1}}\n\n{broken}\n{{"no": 2}}\n')
    with pytest.raises(SourceError, match=rf"{FILE}, line 3: is not one JSON object") as refused:
        landing.rows(JSONL)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("key", ["NO", "_row", "_FILE"])
def test_keys_that_the_engine_could_not_tell_apart_are_refused(key: str, landing: Landing) -> None:
    landing.put(FILE, f'{{"no": 1}}\n{{"{key}": 2}}\n')
    with pytest.raises(SourceError, match="line 2: names one column twice, or calls one _file or _row"):
        landing.rows(JSONL)


def test_json_lines_in_another_encoding_and_a_broken_one(landing: Landing) -> None:
    landing.put(FILE, '{"name": "上海"}\n'.encode("gb18030"))
    assert values(landing.rows(source({**FILES, "format": "jsonl", "encoding": "gb18030"})), "name") == [("上海",)]
    with pytest.raises(SourceError, match="line 1: bytes that are not of the encoding"):
        landing.rows(JSONL)


def parquet(landing: Landing, columns: dict[str, Any], name: str = FILE) -> None:
    pq.write_table(pa.table(columns), landing.folder / name)


def test_parquet_values_become_their_canonical_text(landing: Landing) -> None:
    moment = datetime(2026, 6, 1, 16, 30, tzinfo=UTC)
    parquet(
        landing,
        {
            "day": pa.array([date(2026, 6, 1), None]),
            "at": pa.array([datetime(2026, 6, 1, 10, 0), datetime(2026, 6, 1, 10, 0, 0, 500_000)]),  # noqa: DTZ001
            "zoned": pa.array([moment, moment], pa.timestamp("us", tz="UTC")),
            "exact": pa.array([Decimal("10.50"), Decimal("-0.01")], pa.decimal128(38, 2)),
            "double": pa.array([0.1, 3.0]),
            "whole": pa.array([2**62, -1]),
            "open": pa.array([True, False]),
            "text": pa.array(["上海", ""]),
            "bytes": pa.array([b"\xe4\xb8\x8a", b"a"]),
            "nested": pa.array([[1, 2], None]),
        },
    )
    first, second = landing.rows(PARQUET)
    assert first == {
        "day": "2026-06-01",
        "at": "2026-06-01 10:00:00",
        "zoned": "2026-06-02 00:30:00",
        "exact": "10.50",
        "double": "0.1",
        "whole": "4611686018427387904",
        "open": "true",
        "text": "上海",
        "bytes": "上",
        "nested": "[1,2]",
        "_file": FILE,
        "_row": 1,
    }
    assert (second["day"], second["at"], second["exact"]) == (None, "2026-06-01 10:00:00.5", "-0.01")
    assert (second["double"], second["open"], second["nested"], second["_row"]) == ("3.0", "false", None, 2)


def whole(landing: Landing) -> bytes:
    parquet(landing, {"name": ["secret"] * 100})
    return (landing.folder / FILE).read_bytes()


def damaged(landing: Landing) -> bytes:
    content = whole(landing)
    return content[:10] + b"\xff" * 20 + content[30:]


@pytest.mark.parametrize(
    "content", [lambda _: b"no,name\n1,secret\n", lambda _: b"", lambda at: whole(at)[:-9], damaged]
)
def test_what_is_no_parquet_file_is_refused(content: Callable[[Landing], bytes], landing: Landing) -> None:
    landing.put(FILE, content(landing))
    with pytest.raises(SourceError, match=f"{FILE} is no Parquet file") as refused:
        landing.rows(PARQUET)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl", "fixed_width"])
def test_several_files_are_one_relation_and_each_counts_its_own_rows(form: str, landing: Landing) -> None:
    names = ["north/rows_20260601.dat", "south/rows_20260601.dat"]
    for number, name in enumerate(names):
        texts = [f"{number}{n}" for n in range(2)]
        if form == "parquet":
            (landing.folder / name).parent.mkdir()
            parquet(landing, {"no": texts}, name)
        elif form == "jsonl":
            landing.put(name, "".join(f'{{"no": "{text}"}}\n' for text in texts))
        else:
            landing.put(name, "\n".join([*(["no"] if form == "csv" else []), *texts, ""]))
    fields = {"fields": {"no": [1, 2]}} if form == "fixed_width" else {}
    rows = landing.rows(source({"files": ["*/rows_{data_date}.dat"], "format": form, **fields}))
    assert values(rows, "no", "_file", "_row") == [
        ("00", names[0], 1),
        ("01", names[0], 2),
        ("10", names[1], 1),
        ("11", names[1], 2),
    ]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_files_of_one_read_have_the_same_columns(form: str, landing: Landing) -> None:
    for number, column in enumerate(("no", "number")):
        name = f"rows{number}_20260601.dat"
        if form == "parquet":
            parquet(landing, {column: ["1"]}, name)
        else:
            landing.put(name, f"{column}\n1\n")
    with pytest.raises(SourceError, match=r"rows1_20260601\.dat has other columns than rows0_20260601\.dat"):
        landing.rows(source({"files": ["rows*_{data_date}.dat"], "format": form}))
