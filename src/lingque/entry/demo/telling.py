"""How the demo speaks: short lines, a spinner on anything that takes time, tables between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.rule import Rule

from lingque.core.labels import Label, Language


class Teller:
    """Prints the story in one language."""

    def __init__(self, console: Console, language: Language) -> None:
        self.console = console
        self.language = language

    def chapter(self, *, zh: str, en: str) -> None:
        self.console.print()
        self.console.print(Rule(Label(zh=zh, en=en).in_language(self.language), align="left", style="cyan"))

    def text(self, *, zh: str, en: str) -> None:
        self.console.print(Label(zh=zh, en=en).in_language(self.language), highlight=False, soft_wrap=True)

    def show(self, what: RenderableType) -> None:
        self.console.print(what)

    @contextmanager
    def step(self, *, zh: str, en: str) -> Iterator[None]:
        words = Label(zh=zh, en=en).in_language(self.language)
        began = time.monotonic()
        with self.console.status(words):
            yield
        self.console.print(f"[bold green]✓[/] {words} [dim]{time.monotonic() - began:.1f}s[/]", highlight=False)
