"""Parameters in files: the presets, and what a bank was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from lingque.twin.parameters import TwinParameters
from lingque.twin.responding.parameters import ResponseParameters

DOCUMENT = "parameters.yaml"
"""The one documented file of all parameters, packaged with the twin."""


def preset_names() -> tuple[str, ...]:
    return tuple(_document()["presets"])


def parameters_of(preset: str, *, file: Path | None = None, **changes: Any) -> TwinParameters:
    """A preset, with what a file changes, with what the caller changes (`None` changes nothing).

    An unknown preset or parameter, and a value of another type or outside its range, raise `ValueError`.
    """
    document = _document()
    if preset not in document["presets"]:
        raise ValueError(f"there is no preset {preset!r}; presets are {', '.join(document['presets'])}")
    values = _flat(document) | document["presets"][preset]
    if file is not None:
        told = _flat(_read(file))
        answering = values["responding"] | told.pop("responding", {})
        values |= told | {"responding": answering}
    return _from(values | {name: value for name, value in changes.items() if value is not None})


def parameters_in(file: Path) -> TwinParameters:
    """What `as_yaml` wrote. A file that is not there raises `FileNotFoundError`, one that says something else
    `ValueError`."""
    return _from(_flat(_read(file)))


def as_yaml(parameters: TwinParameters) -> str:
    """A file that makes the same bank again."""
    values = asdict(parameters)
    responding = values.pop("responding")
    return yaml.safe_dump({"parameters": values, "responding": responding}, sort_keys=False)


def _document() -> dict[str, Any]:
    text = (files("lingque.twin") / DOCUMENT).read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def _read(file: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is not YAML: {error}") from error
    if not isinstance(loaded, dict):
        raise ValueError(f"{file} holds no parameters; it begins with parameters: and responding:")
    return loaded


def _flat(document: Mapping[str, Any]) -> dict[str, Any]:
    """Of both sections; what is not a section of parameters raises `ValueError`."""
    for section in document:
        if section not in ("parameters", "responding", "presets"):
            raise ValueError(f"there is no section {section!r}; sections are parameters and responding")
    values = dict(document.get("parameters") or {})
    responding = dict(document.get("responding") or {})
    return values | ({"responding": responding} if responding else {})


def _from(values: dict[str, Any]) -> TwinParameters:
    responding = values.pop("responding", {})
    _known(values, TwinParameters)
    _known(responding, ResponseParameters)
    return TwinParameters(**values, responding=ResponseParameters(**responding))


def _known(values: Mapping[str, Any], kind: type) -> None:
    names = {one.name for one in fields(kind)}
    for name in values:
        if name not in names:
            raise ValueError(f"there is no twin parameter {name!r}; parameters are {', '.join(sorted(names))}")
