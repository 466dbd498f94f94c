"""The one error tree. A message says what happened, to what, and what to do next.

    LingqueError
    ├── ConfigurationError      the workspace or its settings are not usable
    ├── DefinitionError         a definition (YAML) is wrong; carries every problem found, not only the first
    ├── ExpressionError         an expression is wrong; points at the character
    ├── SourceError             a file of the bank cannot be read as its definition says
    ├── NotFoundError           something that was named does not exist
    ├── ConflictError           something of that name is there already
    ├── BusyError               another process holds the workspace
    ├── WarehouseError          the data plane is not as it must be (unsorted file, lost version, overflow)
    ├── VaultError              a key is missing or a sealed value does not open
    ├── AllocationError         an allocation problem makes no sense (a NaN, a negative capacity)
    └── ChannelError            a channel cannot be used at all (a single failed message is a Receipt, not an error)

What the law, a policy or a colleague forbids is not an error: it is a `Refusal` with a `Reason`
(`lingque.core.reasons`). HTTP statuses are chosen in `lingque.entry.api` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches


class LingqueError(Exception):
    """Something went wrong that a person can act on.

    `what` says what happened and to what (file, row, column, id); `next_step` says what to do now.
    Neither may hold personal data: both end up in logs.
    """

    def __init__(self, what: str, *, next_step: str = "") -> None:
        self.what = what
        self.next_step = next_step
        super().__init__(f"{what}\n  → {next_step}" if next_step else what)


class ConfigurationError(LingqueError):
    """The workspace or its settings are not usable."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong in one definition file."""

    file: str
    line: int
    field: str
    found: str
    allowed: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        field = f" {self.field}:" if self.field else ""
        return f"{where}:{field} {self.found}; {self.allowed}"


class DefinitionError(LingqueError):
    """One or more definitions are wrong. Nothing was applied."""

    def __init__(self, problems: Sequence[Problem], *, next_step: str = "") -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        heading = f"{count} problem{'s' if count != 1 else ''} in the definitions, nothing was applied:"
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{heading}\n{lines}", next_step=next_step or "mend the lines named and apply again")


class ExpressionError(LingqueError):
    """An expression is wrong; `position` is the character (from 0) at which."""

    def __init__(self, message: str, *, text: str, position: int = 0, next_step: str = "") -> None:
        self.message = message
        self.text = text
        self.position = position
        start = text.rfind("\n", 0, position) + 1  # of a text of several lines, show the one that is meant
        line = text[start:].partition("\n")[0]
        pointer = " " * (position - start) + "^"
        super().__init__(f"{message}\n    {line}\n    {pointer}", next_step=next_step)


class SourceError(LingqueError):
    """A file of the bank cannot be read as its definition says. Nothing of it was loaded."""


class NotFoundError(LingqueError):
    """Something that was named does not exist."""


class ConflictError(LingqueError):
    """Something of that name is there already."""


class BusyError(LingqueError):
    """Another process holds the workspace."""


class WarehouseError(LingqueError):
    """The data plane is not as it must be."""


class VaultError(LingqueError):
    """A key is missing, or a sealed value does not open with it."""


class AllocationError(LingqueError):
    """An allocation problem makes no sense; nothing was decided."""


class ChannelError(LingqueError):
    """A channel cannot be used at all."""


def nearest(name: str, known: Sequence[str]) -> str:
    """The half sentence that helps after a misspelt name: the nearest known one, or all of them."""
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    if not known:
        return "there are none yet"
    return "there are: " + ", ".join(sorted(known)[:12]) + (", …" if len(known) > 12 else "")
