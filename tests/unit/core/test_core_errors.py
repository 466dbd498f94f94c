"""What a person reads when something went wrong."""

from __future__ import annotations

import pytest

from lingque.core import errors
from lingque.core.errors import DefinitionError, ExpressionError, LingqueError, Problem, nearest


def problem(**changes: object) -> Problem:
    return Problem(
        **{"file": "tags.yaml", "line": 7, "field": "window", "found": "found '3 weeks'", "allowed": "write '3 months'"}
        | changes
    )


def test_a_message_says_what_happened_and_what_to_do_next() -> None:
    assert str(LingqueError("version 3 is gone", next_step="restore the backup")) == (
        "version 3 is gone\n  → restore the backup"
    )
    assert str(LingqueError("version 3 is gone")) == "version 3 is gone"


def test_all_errors_are_of_one_tree() -> None:
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(found) >= 9
    assert all(issubclass(error, LingqueError) for error in found)
    assert all(f" {error.__name__} " in (errors.__doc__ or "") + " " for error in found if error is not LingqueError), (
        "draw it"
    )


def test_a_problem_points_at_its_place() -> None:
    assert str(problem()) == "tags.yaml:7: window: found '3 weeks'; write '3 months'"
    assert str(problem(field="")) == "tags.yaml:7: found '3 weeks'; write '3 months'"
    assert str(problem(line=0)) == "tags.yaml: window: found '3 weeks'; write '3 months'"


def test_a_definition_error_lists_every_problem_and_counts_them() -> None:
    error = DefinitionError([problem(), problem(line=9)])
    assert error.problems == (problem(), problem(line=9))
    assert str(error).splitlines() == [
        "2 problems in the definitions, nothing was applied:",
        f"  {problem()}",
        f"  {problem(line=9)}",
        "  → mend the lines named and apply again",
    ]
    assert str(DefinitionError([problem()])).startswith("1 problem in")


@pytest.mark.parametrize(
    ("text", "position", "lines"),
    [
        ("amount > 5", 9, ["    amount > 5", "             ^"]),
        ("city = 'x'\nand amount > 5", 24, ["    and amount > 5", "                 ^"]),
        ("first >\n second\n> third", 9, ["     second", "     ^"]),
    ],
)
def test_an_expression_error_points_at_the_character_in_its_line(text: str, position: int, lines: list[str]) -> None:
    error = ExpressionError("money is compared with money", text=text, position=position)
    assert str(error).splitlines() == ["money is compared with money", *lines]
    assert (error.text, error.position) == (text, position)


@pytest.mark.parametrize(
    ("name", "known", "sentence"),
    [
        ("wealthy", ["poor", "wealth"], "did you mean 'wealth'?"),
        ("xyz", ["b", "a"], "there are: a, b"),
        ("xyz", [], "there are none yet"),
        (
            "xyz",
            [f"tag_{n:02}" for n in range(13)],
            "there are: " + ", ".join(f"tag_{n:02}" for n in range(12)) + ", …",
        ),
        ("xyz", [f"tag_{n:02}" for n in range(12)], "there are: " + ", ".join(f"tag_{n:02}" for n in range(12))),
    ],
)
def test_a_misspelt_name_is_helped(name: str, known: list[str], sentence: str) -> None:
    assert nearest(name, known) == sentence
