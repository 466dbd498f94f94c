"""The truth beside the estimates: what a bank never sees, and what only a simulated one can be asked.

The platform's customers are matched with the simulated ones by blind index, in the demo alone; nothing is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from rich.table import Table

from lingque.catalog.model import Catalog
from lingque.core.hashing import Float64s
from lingque.core.labels import Label, Language
from lingque.decide.contracts import DECISION_TABLE
from lingque.entry import show
from lingque.entry.demo.world import Sent, World
from lingque.entry.report.amounts import money
from lingque.entry.report.filling import channel_label
from lingque.flow.reporting import CampaignReport
from lingque.flow.services import Services
from lingque.measure.contracts import Effect, MeanEffect, Part
from lingque.store.runs import published_versions

NAMESPACE = "core_banking/customers"
"""System and contract of the demo's customers."""
FIFTHS = 5
AVERAGE_ASSETS = "average_aum_next_60d"
_DRAWN = "SELECT DISTINCT customer_id, arm, channel, offer FROM decisions WHERE plan = $plan AND arm <> 'none'"


@dataclass(frozen=True, kw_only=True)
class Beside:
    """An estimate and the truth of the same thing, told in one form."""

    label: Label
    estimate: str
    truth: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Fifth:
    """Customers whom the model gives about the same probability: how many, what it says, and what is true."""

    customers: int
    said: float
    true: float


def compared(
    services: Services,
    world: World,
    catalog: Catalog,
    sent: list[Sent],
    report: CampaignReport,
    language: Language,
    *,
    currency: str,
) -> tuple[Beside, ...]:
    """Rates of both arms, the effect, the assets, the profit, and the effect by channel and offer; empty where the
    campaign could not be judged."""
    evaluation = report.evaluation
    if not isinstance(evaluation.effect, Effect) or evaluation.profit is None or not sent:
        return ()
    contacts = [one.contact for one in sent]
    chances = world.twin.true_chances(contacts)
    drawn = _drawn(services, world, report.plan.digest)
    contacted = drawn.filter(pc.equal(drawn.column("arm"), "contact"))
    chosen, held_out = _who(contacted), _who(drawn.filter(pc.equal(drawn.column("arm"), "hold_out")))
    with_it, without = float(chances.contacted[chosen].mean()), float(chances.not_contacted[chosen].mean())
    effect, profit = evaluation.effect, evaluation.profit

    def rate(observed: float) -> str:
        return f"{observed:.1%}"

    def points(difference: float) -> str:
        return f"{100 * difference:+.1f} pp"

    def interval(found: Effect) -> str:
        return f"{points(found.difference)} ({points(found.low)} … {points(found.high)})"

    def fen(amount: float) -> str:
        return money(round(amount), currency, language)

    assets = evaluation.further.get(AVERAGE_ASSETS)
    return (
        Beside(
            label=Label(zh="触达组转化率", en="conversion of those contacted"),
            estimate=rate(effect.contacted.rate),
            truth=rate(with_it),
        ),
        Beside(
            label=Label(zh="留出组转化率", en="conversion of those held out"),
            estimate=rate(effect.held_out.rate),
            truth=rate(float(chances.not_contacted[held_out].mean())),
        ),
        Beside(
            label=Label(zh="触达组若不触达", en="of those contacted, without it"),
            estimate="—",
            truth=rate(without),
        ),
        Beside(
            label=Label(zh="效果", en="effect"),
            estimate=interval(effect),
            truth=points(with_it - without),
        ),
        *(
            Beside(
                label=Label(zh="人均 AUM 日均", en="average assets of each"),
                estimate=f"{fen(one.difference)} ({fen(one.low)} … {fen(one.high)})",
                truth=fen(float(chances.assets_gained[chosen].mean())),
            )
            for one in [assets]
            if isinstance(one, MeanEffect)
        ),
        Beside(
            label=Label(zh="增量利润", en="incremental profit"),
            estimate=f"{fen(profit.expected)} ({fen(profit.low)} … {fen(profit.high)})",
            truth=fen(world.twin.true_profit(contacts)),
        ),
        *(
            Beside(
                label=_named(catalog, part),
                estimate=interval(part.effect),
                truth=points(float((chances.contacted - chances.not_contacted)[_who(contacted, part)].mean())),
            )
            for part in evaluation.parts
            if isinstance(part.effect, Effect)
        ),
    )


def calibration(services: Services, world: World, score: str, population: str, as_of: date) -> tuple[Fifth, ...]:
    """Of the customers in the model's population, by what it says, lowest first; empty where there is no model."""
    with services.database.reading() as connection:
        tags = services.profile.tags_of(connection, as_of)
    known = np.asarray(tags.column(population).combine_chunks().fill_null(False), dtype=np.bool_)
    known &= np.asarray(tags.column(score).is_valid(), dtype=np.bool_)
    said = np.asarray(tags.column(score).cast(pa.float64()).combine_chunks().fill_null(0.0), dtype=np.float64)[known]
    if len(said) < FIFTHS:
        return ()
    position = _positions(services, world)
    who = np.array([position[one] for one in tags.column("customer_id").to_numpy()[known].tolist()], dtype=np.int64)
    true: Float64s = world.twin.true_chances([]).not_contacted[who]
    parts = np.array_split(np.argsort(said, kind="stable"), FIFTHS)
    return tuple(
        Fifth(customers=len(part), said=float(said[part].mean()), true=float(true[part].mean())) for part in parts
    )


def comparison_table(rows: tuple[Beside, ...], language: Language) -> Table:
    words = {
        "zh": ("", "估计（95% 区间）", "真值"),
        "en": ("", "estimate (95 % interval)", "truth"),
    }[language]
    table = show.table(*words, title=_TITLE.in_language(language), right=words[1:])
    for row in rows:
        table.add_row(row.label.in_language(language), row.estimate, row.truth)
    return table


def calibration_table(fifths: tuple[Fifth, ...], language: Language) -> Table:
    words = {
        "zh": ("按模型分五组", "客户数", "模型概率", "真实概率"),
        "en": ("fifth, by the model", "customers", "the model says", "truth"),
    }[language]
    table = show.table(*words, title=_CALIBRATION.in_language(language), right=words[1:])
    for number, one in enumerate(fifths, 1):
        table.add_row(str(number), f"{one.customers:,}", f"{one.said:.1%}", f"{one.true:.1%}")
    return table


_TITLE = Label(zh="估计与真值（真值仅模拟银行可知）", en="estimates and the truth (known only of a simulated bank)")
_CALIBRATION = Label(
    zh="「到期资金留存」模型：概率与真值（不触达时）", en="the model of who keeps the money here: probability and truth"
)


def _named(catalog: Catalog, part: Part) -> Label:
    channel, offer = channel_label(part.channel), catalog.offers[part.offer].label
    return Label(zh=f"{channel.zh} · {offer.zh}", en=f"{channel.en} · {offer.en}")


def _drawn(services: Services, world: World, plan: str) -> pa.Table:
    """Of everybody in an arm: `position` in the simulated bank, `arm`, `channel`, `offer`."""
    with services.database.reading() as connection:
        version = published_versions(connection)[DECISION_TABLE]
    with services.session() as session:
        session.add_versions({DECISION_TABLE: version})
        drawn = session.ask(_DRAWN, {"plan": plan})
    position = _positions(services, world)
    found = [position[one] for one in drawn.column("customer_id").to_pylist()]
    return drawn.append_column("position", pa.array(found, pa.int64()))


def _who(drawn: pa.Table, part: Part | None = None) -> NDArray[np.int64]:
    """Their positions; of a part, those who are of its channel and offer."""
    if part is not None:
        of_it = pc.and_(pc.equal(drawn.column("channel"), part.channel), pc.equal(drawn.column("offer"), part.offer))
        drawn = drawn.filter(of_it)
    found: NDArray[np.int64] = drawn.column("position").to_numpy()
    return found


def _positions(services: Services, world: World) -> dict[int, int]:
    """The platform's id → position in the population. Nobody was merged with anybody in the demo."""
    numbers = world.twin.population.customer_no
    with services.database.reading() as connection:
        found = services.vault.resolve(connection, namespace=NAMESPACE, keys=numbers, mint=False)
    return {found[number]: position for position, number in enumerate(numbers) if number in found}
