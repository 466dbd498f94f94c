"""Definitions as YAML files: read with the line of every field, so that an error can point at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from lingque.catalog.definitions import KINDS, AnyDefinition, SourceDefinition
from lingque.core.errors import DefinitionError, Problem, nearest

FieldPath = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Located:
    """A definition and where it stands."""

    definition: AnyDefinition
    file: str
    lines: dict[FieldPath, int] = field(default_factory=dict)

    def problem(self, *path: str | int, found: str, allowed: str) -> Problem:
        return _problem(self.file, self.lines, path, found=found, allowed=allowed)


def read_definitions(workspace: Path) -> list[Located]:
    """Every document under `definitions/`, validated one by one. Raises `DefinitionError` with all problems."""
    located: list[Located] = []
    problems: list[Problem] = []
    for path in sorted((workspace / "definitions").rglob("*.yaml")):
        file = path.relative_to(workspace).as_posix()
        try:
            documents = list(_documents(path))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            problems.append(_unreadable(file, error))
            continue
        for content, lines in documents:
            found = _validate(content, lines, file, workspace)
            if isinstance(found, Located):
                located.append(found)
            else:
                problems.extend(found)
    if problems:
        raise DefinitionError(problems)
    return located


def _documents(path: Path) -> Iterator[tuple[Any, dict[FieldPath, int]]]:
    with path.open(encoding="utf-8") as file:
        loader = yaml.SafeLoader(file)
        try:
            while loader.check_node():
                node = loader.get_node()
                lines: dict[FieldPath, int] = {}
                if node is None:
                    continue
                _collect_lines(node, (), lines)
                content = loader.construct_document(node)
                if content is not None:  # nothing between two lines of dashes defines nothing
                    yield content, lines
        finally:
            loader.dispose()


def _collect_lines(node: yaml.Node, path: FieldPath, lines: dict[FieldPath, int]) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            if inner in lines:
                raise yaml.MarkedYAMLError(problem=f"'{key.value}' stands twice", problem_mark=key.start_mark)
            lines[inner] = key.start_mark.line + 1
            _collect_lines(value, inner, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _collect_lines(value, (*path, index), lines)


def _validate(content: Any, lines: dict[FieldPath, int], file: str, workspace: Path) -> Located | list[Problem]:
    first = next(iter(content), None) if isinstance(content, dict) else None
    if not isinstance(first, str) or first not in KINDS:
        allowed = f"begin the document with one of {', '.join(KINDS)}; {nearest(str(first), list(KINDS))}"
        return [_problem(file, lines, (), found=f"a document that begins with '{first}'", allowed=allowed)]
    try:
        definition = KINDS[first].model_validate(content)
        if isinstance(definition, SourceDefinition):
            definition = _with_mapping(definition, workspace)
    except ValidationError as error:
        return [_from_pydantic(entry, lines, file, KINDS[first]) for entry in error.errors()]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        found = f"the file cannot be read ({why})"
        return [_problem(file, lines, ("mapping",), found=found, allowed="name an SQL file relative to the workspace")]
    return Located(definition=definition, file=file, lines=lines)


def _with_mapping(source: SourceDefinition, workspace: Path) -> SourceDefinition:
    if not (workspace / source.mapping).resolve().is_relative_to(workspace.resolve()):
        raise PermissionError(None, "it lies outside the workspace")
    # the text is part of the definition: a changed mapping is a new version
    text = (workspace / source.mapping).read_text(encoding="utf-8")
    return source.model_copy(update={"mapping_sql": text})


def _from_pydantic(entry: Any, lines: dict[FieldPath, int], file: str, model: type[AnyDefinition]) -> Problem:
    path: FieldPath = tuple(entry["loc"])
    allowed = str(entry["msg"]).removeprefix("Value error, ")
    found = f"found {entry['input']!r}" if not isinstance(entry["input"], dict) else "found this"
    if entry["type"] == "extra_forbidden":
        known = [info.alias or name for name, info in model.model_fields.items()]
        found = "there is no such field"
        allowed = nearest(str(path[-1]), known) if len(path) == 1 else "take it away, or mind commas and indentation"
    elif entry["type"] == "missing":
        found, allowed = "is missing", "it is required"
    return _problem(file, lines, path, found=found, allowed=allowed)


def _problem(file: str, lines: dict[FieldPath, int], path: FieldPath, *, found: str, allowed: str) -> Problem:
    """At the line of the field, or of the nearest field around it."""
    around = (path[:length] for length in range(len(path), -1, -1))
    line = next((lines[part] for part in around if part in lines), 0)
    return Problem(file=file, line=line, field=".".join(str(p) for p in path), found=found, allowed=allowed)


def _unreadable(file: str, error: yaml.YAMLError | UnicodeDecodeError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    return Problem(
        file=file,
        line=mark.line + 1 if mark else 0,
        field="",
        found=f"is not YAML: {getattr(error, 'problem', None) or error}",
        allowed="save it as UTF-8 YAML; mind the indentation",
    )
