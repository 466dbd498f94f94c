"""Offers: what can be proposed, to whom by law, on what it is valued, and how much of it there is."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from lingque.catalog.definitions.shared import (
    ChannelName,
    Currency,
    Definition,
    LabelText,
    Name,
    SlotName,
    WindowText,
)
from lingque.core.clock import Window
from lingque.core.labels import Language
from lingque.core.money import Money

Regime = Literal["deposit", "loan", "wealth", "fund", "insurance", "service"]
"""Whose rules it follows; `service` is no product at all. `fund` holds for securities too."""


class Creative(Definition):
    """The words of an offer on one channel in one language: a mail with its subject, a text message, or what a
    relationship manager says, or what a screen shows."""

    subject: str = Field(default="", max_length=200, pattern=r"^[^\r\n]*$")
    body: str = Field(min_length=1)


class Suitability(Definition):
    """What a risky product asks of the customer: risk-tolerance grade (1–5) and the day until which it holds."""

    risk_grade: int = Field(ge=1, le=5, description="R1 to R5, as the bank that sells it grades it")
    issuer_grade: int | None = Field(default=None, ge=1, le=5, description="as its issuer does; the higher one counts")
    tolerance: Name = Field(description="the tag that holds the customer's grade, 1 to 5")
    valid_until: Name = Field(description="the tag that holds the last day of the customer's assessment")
    age: Name | None = Field(default=None, description="the tag that holds the age; from 65 on nothing above R3")
    professional: Name | None = Field(
        default=None, description="of a fund: the tag that is true for a professional investor, who may take any risk"
    )

    @property
    def grade(self) -> int:
        """The grade that counts: the higher one."""
        return max(self.risk_grade, self.issuer_grade or 0)


class Cover(Definition):
    """What insurance asks of the customer: that the cover is needed, and can be paid for."""

    need: Name = Field(description="the tag that is true for those who need the cover")
    ability: Name = Field(description="the tag that holds what the customer can pay a year")
    premium: Decimal = Field(gt=0, description="of a year")


class CoolDown(Definition):
    """For how long the offer is not made again to a customer who saw it, refused it, or took it up."""

    contact: WindowText | None = None
    refusal: WindowText | None = None
    purchase: WindowText | None = None

    @model_validator(mode="after")
    def _backward(self) -> Self:
        for text in (self.contact, self.refusal, self.purchase):
            if text is not None and Window.parse(text).forward:
                raise ValueError("a cool-down looks back: write '30 days'")
        return self


class OfferDefinition(Definition):
    """Something that can be proposed. Amounts in major units of `currency`."""

    offer: Name
    label: LabelText
    kind: Literal["product", "service", "content", "benefit"] = "product"
    regime: Regime
    topic: Name | None = Field(default=None, description="what it is about, for caps that count by topic")
    suitability: Suitability | None = None
    cover: Cover | None = None
    student: Name | None = Field(default=None, description="the tag that is true for students: they get no loans")
    consumer_loan: bool = Field(default=True, description="false: a loan of which the rule about students says nothing")
    annual_rate: Decimal | None = Field(default=None, description="percent a year; shown in every loan creative")
    valid_from: date
    valid_to: date = Field(description="the first day on which it is no longer offered")
    eligibility: str = "true"
    holds: Name | None = Field(default=None, description="the tag that is true for those who have it already")
    excludes: tuple[Name, ...] = Field(default=(), description="offers that nobody has beside this one")
    needs: tuple[Name, ...] = Field(default=(), description="offers that one must hold before this one")
    supersedes: tuple[Name, ...] = Field(default=(), description="offers not made to whom this one may be made")
    cool_down: CoolDown = CoolDown()
    stock: int | None = Field(default=None, ge=0, description="how many may be promised at once and taken in all")
    budget: Decimal | None = Field(default=None, ge=0, description="what its contacts and their 'cost' may come to")
    currency: Currency
    margin: Decimal = Field(ge=0, description="expected profit of one conversion, before all costs")
    margin_tag: Name | None = Field(
        default=None,
        description="a tag of money that takes the place of 'margin' where it is known: larger deposits earn more",
    )
    cost: Decimal = Field(
        default=Decimal(0),
        ge=0,
        description="what one conversion costs the bank, such as a voucher, also where it would have come anyway",
    )
    cost_tag: Name | None = Field(default=None, description="the same, customer by customer, such as a better rate")
    expected_loss: Decimal | None = Field(default=None, ge=0, description="of one conversion, such as of a loan")
    expected_loss_tag: Name | None = Field(default=None, description="the same, customer by customer")
    response: float = Field(
        gt=0, lt=1, description="assumed probability of a conversion after contact; the log says so"
    )
    propensity: Name | None = Field(
        default=None, description="a tag between 0 and 1 that takes the place of 'response', customer by customer"
    )
    uplift: Name | None = Field(
        default=None,
        description="a tag between -1 and 1: what a contact adds; takes the place of 'propensity', which then says how"
        " many convert in all",
    )
    anyway: Name | None = Field(
        default=None,
        description="a tag between 0 and 1: how probably it is taken up without a contact; whoever does so costs what"
        " a conversion costs. With both 'propensity' and 'uplift' it is their difference",
    )
    spread: Name | None = Field(
        default=None, description="a tag: the standard error of the score, by which exploration draws"
    )
    missing_score: Literal["assume", "refuse"] = Field(
        default="assume", description="what happens to whom has no score: 'response' stands in, or no offer is made"
    )
    creatives: dict[ChannelName | SlotName, dict[Language, Creative]] = Field(min_length=1)

    @property
    def valued_by(self) -> frozenset[str]:
        """The tags that its value rests on."""
        named = (
            self.propensity, self.uplift, self.anyway, self.spread,
            self.margin_tag, self.cost_tag, self.expected_loss_tag,
        )  # fmt: skip
        return frozenset(name for name in named if name is not None)

    @property
    def suited_by(self) -> frozenset[str]:
        """The tags that the law has the seller look at."""
        named: tuple[str | None, ...] = (self.student,)
        if self.suitability is not None:
            rule = self.suitability
            named += (rule.tolerance, rule.valid_until, rule.age, rule.professional)
        if self.cover is not None:
            named += (self.cover.need, self.cover.ability)
        return frozenset(name for name in named if name is not None)

    @property
    def related(self) -> tuple[str, ...]:
        """The offers that it names."""
        return tuple(dict.fromkeys([*self.excludes, *self.needs, *self.supersedes]))

    def minor(self, amount: Decimal) -> int:
        """An amount of its currency in minor units."""
        return Money.parse(str(amount), self.currency).minor

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for amount in (self.margin, self.cost, self.expected_loss, self.budget, self.cover and self.cover.premium):
            try:
                self.minor(amount or Decimal(0))  # as many digits as the currency has, and no more
            except OverflowError as error:
                raise ValueError(str(error)) from error
        if self.valid_to <= self.valid_from:
            raise ValueError("valid_to must come after valid_from")
        if self.expected_loss is not None and self.expected_loss_tag is not None:
            raise ValueError("expected_loss is stated or read from a tag, not both")
        if self.missing_score == "refuse" and self.propensity is None and self.uplift is None:
            raise ValueError("missing_score: refuse speaks of 'propensity' or 'uplift', and the offer has neither")
        if None not in (self.anyway, self.propensity, self.uplift):
            raise ValueError("'propensity' and 'uplift' already say how many convert 'anyway': leave one of them out")
        if self.offer in self.related:
            raise ValueError("an offer has no relation to itself")
        return self

    @model_validator(mode="after")
    def _worded(self) -> Self:
        for channel, languages in self.creatives.items():
            if not languages:
                raise ValueError(f"channel {channel} has no creative")
            for language, creative in languages.items():
                if (channel == "email") != bool(creative.subject):
                    raise ValueError(f"creatives.{channel}.{language}: a mail has a subject, and nothing else has one")
                if self.regime == "loan" and "{annual_rate}" not in creative.body:
                    raise ValueError(
                        f"creatives.{channel}.{language} of a loan must show {{annual_rate}}"
                        " (PBOC announcement 2021 No. 3)"
                    )
        return self

    @model_validator(mode="after")
    def _lawful(self) -> Self:
        loan = self.regime == "loan"
        rule = self.suitability
        demands = (
            (loan and self.annual_rate is None, "a loan states its annual_rate (PBOC announcement 2021 No. 3)"),
            (
                loan and self.consumer_loan and self.student is None,
                "a consumer loan names the tag of 'student', since it is not marketed to students",
            ),
            (
                (self.regime in ("wealth", "fund")) != (rule is not None),
                "a wealth product or a fund states its 'suitability', and nothing else does",
            ),
            (
                rule is not None and rule.professional is not None and self.regime != "fund",
                "only the rules of funds and securities know a 'professional' investor",
            ),
            (
                (self.regime == "insurance") != (self.cover is not None),
                "insurance states its 'cover', nothing else does",
            ),
            (
                self.kind == "benefit" and self.regime == "deposit",
                "no benefit attracts deposits (银保监办发〔2018〕48号)",
            ),
        )
        for broken, demand in demands:
            if broken:
                raise ValueError(demand)
        return self
