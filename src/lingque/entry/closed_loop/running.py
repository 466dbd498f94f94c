"""The policies side by side: those of the loop, the platform with its models, and with the truth in their place."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lingque.decide.decisions import Decisions
from lingque.entry.closed_loop.policy import Believed, Learning, Platform
from lingque.entry.closed_loop.truth import TrueEffects
from lingque.store.database import Database
from lingque.twin.known import Known
from lingque.twin.loop import POLICIES, Result, as_many_texts, respondents, run
from lingque.twin.parameters import TwinParameters
from lingque.warehouse.engine import Session
from lingque.warehouse.tables import DeltaTables

MODELS, TRUTH, AS_MANY = "platform", "platform_truth", "as_many_texts"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """`results` by policy, in the order in which tables list them; `decided` are the platform's decisions with its own
    models, round by round."""

    results: Mapping[str, Result]
    decided: tuple[Decisions, ...]


def compare(parameters: TwinParameters) -> Compared:
    """Six months of one bank under each policy: the same customers, with the same chance."""
    model, known = respondents(parameters), Known.make(parameters)
    results = {name: run(model, name, policy) for name, policy in POLICIES.items()}
    decided: dict[str, tuple[Decisions, ...]] = {}
    believed: dict[str, Believed] = {
        MODELS: Learning(known, generosity=parameters.responding.generosity),
        TRUTH: TrueEffects(),
    }
    for name, one in believed.items():
        with _platform(known, one) as platform:
            results[name] = run(model, name, platform)
            decided[name] = tuple(platform.decided)
    results[AS_MANY] = run(model, AS_MANY, partial(as_many_texts, contacts=results[MODELS].contacts_by_round))
    order = ("nobody", "mass_sms", AS_MANY, "best_response", MODELS, TRUTH, "greatest_effect")
    return Compared(results={name: results[name] for name in order}, decided=decided[MODELS])


@contextmanager
def _platform(known: Known, believed: Believed) -> Iterator[Platform]:
    """With a control database and an engine of its own."""
    with tempfile.TemporaryDirectory(prefix="lingque-closed-loop-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'control.db'}")
        tables = DeltaTables(Path(folder) / "tables")
        try:
            database.migrate()
            yield Platform(known, believed, database, lambda: Session(tables, memory_limit="500MB", threads=1))
        finally:
            database.close()
