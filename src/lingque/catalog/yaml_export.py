"""Definitions written as the YAML that a person would write: the same content in the same bytes, every time.

What has its default is left out. A document per definition; what is long has a file of its own, tags stand together by
family, lists and caps in one file each.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from lingque.catalog.definitions import (
    KINDS,
    AnyDefinition,
    CapDefinition,
    ListDefinition,
    SourceDefinition,
    TagDefinition,
    kind_of,
    name_of,
)
from lingque.core.errors import ConfigurationError, ConflictError

HEADER = (
    "# Written by 'lingque export'. 'lingque diff' says what an edit would change, 'lingque apply' puts it in force.\n"
)
WIDTH = 110


def export_definitions(definitions: Iterable[AnyDefinition], folder: Path) -> list[Path]:
    """Write them and their mapping SQL under an empty or new folder; reading it gives equal definitions.

    Returns the files. Raises `ConflictError` where something is in the folder already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"{folder} is not empty", next_step="name a new folder: nothing is ever overwritten")
    texts: dict[str, str] = {}
    for definition in sorted(definitions, key=lambda one: (list(KINDS).index(kind_of(one)), name_of(one))):
        file = _file_of(definition)
        texts[file] = (
            f"{texts[file]}---\n{document_of(definition)}" if file in texts else HEADER + document_of(definition)
        )
        if isinstance(definition, SourceDefinition):
            _add_mapping(texts, definition)
    written: list[Path] = []
    for file, text in texts.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        written.append(path)
    return written


def _file_of(definition: AnyDefinition) -> str:
    kind = kind_of(definition)
    match definition:
        case TagDefinition():
            return f"definitions/tags/{definition.family}.yaml"
        case ListDefinition() | CapDefinition():
            return f"definitions/{kind}s.yaml"
        case _:
            return f"definitions/{kind}s/{name_of(definition)}.yaml"


def _add_mapping(texts: dict[str, str], source: SourceDefinition) -> None:
    path = PurePosixPath(source.mapping)
    if path.is_absolute() or ".." in path.parts or texts.get(source.mapping, source.mapping_sql) != source.mapping_sql:
        raise ConfigurationError(
            f"source '{source.source}' names the mapping {source.mapping}, which cannot be written beside the others",
            next_step="give it a path of its own inside the workspace, apply, and export again",
        )
    texts[source.mapping] = source.mapping_sql


def document_of(definition: AnyDefinition) -> str:
    """The definition as one YAML document."""
    content = definition.model_dump(exclude_defaults=True, exclude={"mapping_sql"})
    return yaml.dump(
        _plain(content), Dumper=_Dumper, allow_unicode=True, sort_keys=False, default_flow_style=False, width=WIDTH
    )


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case tuple() | list():
            return [_plain(inner) for inner in value]
        case Decimal():
            return _number(value)
        case str() | bool() | int() | float() | date():
            return value
        case _:
            raise TypeError(f"{type(value).__name__} has no form in YAML")


def _number(value: Decimal) -> int | float | str:
    """A plain number where it is read back digit for digit (4.3500 is not), else its digits as text."""
    if not value.is_finite():
        return str(value)
    plain = int(value) if value == value.to_integral_value() and "." not in str(value) else float(value)
    return plain if str(Decimal(str(plain))) == str(value) else str(value)


class _Dumper(yaml.SafeDumper):
    """Lists of plain values on one line, texts of several lines as they are."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


def _list(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.Node:
    plain = not any(isinstance(inner, dict | list) for inner in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=plain)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)
