"""What a simulated bank is made from: every number that may be turned, with its default and its range."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated

from lingque.twin.ranges import Between, check_ranges
from lingque.twin.responding.parameters import ResponseParameters


@dataclass(frozen=True, kw_only=True)
class TwinParameters:
    """All there is to say about a simulated bank.

    A value of another type or outside its range raises `ValueError` that names the parameter, the value found
    and the range allowed. Shares and probabilities are fractions of 1; money is in whole CNY.
    """

    seed: Annotated[int, Between(0, 2**63 - 1)] = 1
    customers: Annotated[int, Between(1, 1_000_000)] = 2000
    months: Annotated[int, Between(1, 36)] = 12
    """Length of the transaction history before `as_of`."""
    log_months: Annotated[int, Between(1, 36)] = 3
    """How far back app and web logs go; at most as far as the history."""
    as_of: Annotated[date, Between(date(2018, 7, 1), date(2030, 6, 30))] = date(2026, 6, 1)
    """The first day that is not in the history; the years are those whose Spring Festivals the twin knows."""

    median_income: Annotated[int, Between(500, 100_000)] = 6_500
    """Monthly, of the employed. Pensions and support from the family are smaller in proportion."""
    median_idle_balance: Annotated[int, Between(100, 10_000_000)] = 15_000
    """What a customer of median income likes to leave on current accounts."""
    median_deposit: Annotated[int, Between(1_000, 10_000_000)] = 52_000
    """What a customer of median wealth places at a time."""
    spending_per_month: Annotated[float, Between(0.0, 30.0)] = 8.0
    """Mean number of debits that a customer attempts; what the account cannot cover is not booked."""
    current_rate: Annotated[int, Between(0, 1_000)] = 5
    """What current accounts pay, in hundredths of a per cent a year."""
    card_share: Annotated[float, Between(0.0, 1.0)] = 0.40
    """Adults with a credit card, the digital more often."""
    card_purchases_per_month: Annotated[float, Between(0.0, 60.0)] = 5.0
    second_account_share: Annotated[float, Between(0.0, 1.0)] = 0.25

    life_event_rate: Annotated[float, Between(0.0, 10.0)] = 1.0
    """Life events a year, as a multiple of what `life` assumes for each age."""
    household_share: Annotated[float, Between(0.0, 1.0)] = 0.35
    """How often the next customer of a branch lives with the one before."""
    churn_per_year: Annotated[float, Between(0.0, 1.0)] = 0.06
    """Customers of middling loyalty who begin to leave the bank each year."""

    maturing_share: Annotated[float, Between(0.0, 1.0)] = 0.16
    """Customers with a term deposit that matures within 30 days from `as_of`, the wealthier more often."""
    deposits_per_customer: Annotated[float, Between(0.0, 5.0)] = 0.5
    """Mean number of other term deposits an adult placed afresh in the three years before `as_of`."""
    wealth_per_customer: Annotated[float, Between(0.0, 5.0)] = 0.25
    """Mean number of wealth products an adult of middling attitude to risk bought afresh in those years."""
    purchase_plan_share: Annotated[float, Between(0.0, 1.0)] = 0.02
    """Customers who ever signed a plan to buy a wealth product every month, the wealthier much more often."""
    median_purchase_plan: Annotated[int, Between(1000, 1_000_000)] = 20_000
    """What such a plan would buy a month for a customer of median wealth."""

    missing_email_share: Annotated[float, Between(0.0, 1.0)] = 0.05
    missing_phone_share: Annotated[float, Between(0.0, 1.0)] = 0.01
    email_consent_share: Annotated[float, Between(0.0, 1.0)] = 0.65
    """Customers who gave consent to marketing on this channel at some time; who gave one tends to give all."""
    sms_consent_share: Annotated[float, Between(0.0, 1.0)] = 0.70
    call_consent_share: Annotated[float, Between(0.0, 1.0)] = 0.55
    financial_consent_share: Annotated[float, Between(0.0, 1.0)] = 0.88
    """Of those: consented to the use of financial data as well."""
    withdrawal_share: Annotated[float, Between(0.0, 1.0)] = 0.05
    """Of those: withdrew later."""
    managed_share: Annotated[float, Between(0.0, 1.0)] = 0.33
    """Customers with a relationship manager: the wealthiest."""
    assessed_share: Annotated[float, Between(0.0, 1.0)] = 0.80
    """Adults whose attitude to risk the bank has ever assessed; some assessments have expired."""

    responding: ResponseParameters = field(default_factory=ResponseParameters)
    """How customers answer."""

    identity_missing_share: Annotated[float, Between(0.0, 0.5)] = 0.06
    """Of what a system beside core banking knows: how often the telephone number is missing."""
    identity_conflict_share: Annotated[float, Between(0.0, 0.5)] = 0.02
    """How often it is one that belongs to somebody else."""
    identity_shared_share: Annotated[float, Between(0.0, 0.5)] = 0.02
    """How often it is that of the head of the household."""
    identity_old_phone_share: Annotated[float, Between(0.0, 0.5)] = 0.04
    """How often it is one that the customer gave up."""
    identity_name_share: Annotated[float, Between(0.0, 0.5)] = 0.06
    """How often the name is written otherwise: traditional, in pinyin, cut short, or as it was before a marriage."""
    identity_document_share: Annotated[float, Between(0.0, 0.5)] = 0.02
    """How often two digits of the document number are swapped."""
    identity_duplicate_share: Annotated[float, Between(0.0, 0.5)] = 0.03
    """How many people a system knows under two keys."""
    late_share: Annotated[float, Between(0.0, 0.5)] = 0.01
    """Of the rows of cards, web, tellers and partners: how many arrive one to three days late."""
    repeated_share: Annotated[float, Between(0.0, 0.5)] = 0.002
    """How many rows stand in their file twice: of the same, and of what systems tell anew every night."""
    missing_share: Annotated[float, Between(0.0, 0.5)] = 0.0002
    """Beside the clean rows of every system: how many more lack a value without which nobody can read them."""
    malformed_share: Annotated[float, Between(0.0, 0.5)] = 0.0002
    """Likewise, have a value that means nothing."""

    dirt_impossible_dates: Annotated[int, Between(0, 1000)] = 1
    dirt_non_numeric_balances: Annotated[int, Between(0, 1000)] = 2
    dirt_unknown_customers: Annotated[int, Between(0, 1000)] = 1
    dirt_repeated_rows: Annotated[int, Between(0, 1000)] = 1
    """Bad rows among the transactions of the data date, per kind and block, whatever the shares."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if not isinstance(self.responding, ResponseParameters):
            raise ValueError(f"twin parameter responding is {self.responding!r}; allowed are ResponseParameters")
