"""Under which key, name, document and telephone number each system knows each customer, and what is wrong with that."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s, mix64
from lingque.twin import names
from lingque.twin.assessments import Assessments
from lingque.twin.blocks import Block
from lingque.twin.days import day_number
from lingque.twin.documents import swapped
from lingque.twin.organisation import managed_customers
from lingque.twin.part import Part
from lingque.twin.population import ADULT, former_phone

System = Literal["cards", "wealth", "loans", "app", "web", "stm", "crm", "wecom", "shop", "hospital", "civic"]
SYSTEMS: tuple[System, ...] = (
    *("cards", "wealth", "loans", "app", "web", "stm", "crm", "wecom", "shop", "hospital", "civic"),
)

PHONE_FAULTS = ("missing_phone", "others_phone", "shared_phone", "old_phone")
"""No number; one that belongs to somebody else; that of the head of the household; one given up since."""
NAME_FAULTS = ("traditional_name", "pinyin_name", "short_name", "former_name")
"""The last is one that was changed on marriage."""
SWAPPED_DOCUMENT = "swapped_document"
SECOND_KEY = "second_key"
"""The person has another key as well."""

_TELLS_NAMES = frozenset({"cards", "wealth", "loans", "crm"})
"""Systems that deliver names and documents as well; those without telephone numbers know keys only."""
_TELLS_PHONES = _TELLS_NAMES | {"wecom", "shop", "hospital", "civic"}

_PREFIXES = {
    "cards": "K",
    "wealth": "A",
    "loans": "L",
    "app": "dev-",
    "web": "ck-",
    "stm": "M",
    "crm": "R",
    "wecom": "wm",
    "shop": "u",
    "hospital": "P",
    "civic": "G",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Identities:
    """One entry per key in one system; the second keys come after the first ones."""

    system: System
    customer: Int64s
    """Position in the block."""
    key: tuple[str, ...]
    name: tuple[str, ...]
    document: tuple[str, ...]
    phone: tuple[str, ...]
    faults: tuple[tuple[str, ...], ...]

    @classmethod
    def make(cls, part: Part, system: System, day: int) -> Identities:
        """At the end of a day. Who comes later changes nothing of those who are there."""
        block, people = part.block, part.population
        random = block.stream(f"identities in {system}")
        n = block.customers
        known = _known(part, system, day, random.random(n))
        twice = known & (random.random(n) < block.parameters.identity_duplicate_share)
        phone_luck, name_luck, document_luck = (random.random((n, 2)) for _ in range(3))
        variant, stranger = random.integers(0, len(NAME_FAULTS), (n, 2)), random.integers(0, n, (n, 2))
        customer = np.concatenate([np.flatnonzero(known), np.flatnonzero(twice)])
        second = np.concatenate([np.zeros(int(known.sum()), np.int64), np.ones(int(twice.sum()), np.int64)])
        names_told, phones_told = system in _TELLS_NAMES, system in _TELLS_PHONES
        phone_fault = _phone_faults(block, phone_luck[customer, second] if phones_told else np.ones(len(customer)))
        renamed = names_told & (name_luck[customer, second] < block.parameters.identity_name_share)
        mistyped = names_told & (document_luck[customer, second] < block.parameters.identity_document_share)
        married = set(part.events.of("marriage")[0].tolist())
        told = []
        for nth, one in enumerate(customer.tolist()):
            name, faults = people.name[one], []
            if renamed[nth]:
                name, fault = _another_name(name, int(variant[one, second[nth]]), married=one in married)
                faults += [fault] if fault else []
            document = swapped(people.document_no[one]) if mistyped[nth] else people.document_no[one]
            faults += [SWAPPED_DOCUMENT] if document != people.document_no[one] else []
            phone = people.phone[one]
            match int(phone_fault[nth]):
                case 0:
                    phone = ""
                case 1:
                    phone = people.phone[int(stranger[one, second[nth]])]
                case 2:
                    phone = people.phone[int(people.household[one]) - block.first]
                case 3:
                    phone = former_phone(block.first + one + 1)
            faults += [PHONE_FAULTS[int(phone_fault[nth])]] if phone != people.phone[one] else []
            faults += [SECOND_KEY] if second[nth] else []
            told.append((name, document, phone, tuple(faults)))
        return cls(
            system=system,
            customer=customer,
            key=tuple(f"{_PREFIXES[system]}{number:013d}" for number in _keys(block, system, customer, second)),
            name=tuple(one[0] for one in told),
            document=tuple(one[1] for one in told),
            phone=tuple(one[2] for one in told),
            faults=tuple(one[3] for one in told),
        )

    def first_keys(self) -> dict[int, str]:
        """Of each customer of the system."""
        return dict(zip(reversed(self.customer.tolist()), reversed(self.key), strict=True))

    def last_keys(self) -> dict[int, str]:
        """The second key of those who have two."""
        return dict(zip(self.customer.tolist(), self.key, strict=True))

    def hashed_phones(self) -> tuple[str, ...]:
        """SHA-256, as partners deliver numbers; empty where none is known."""
        return tuple(hashlib.sha256(one.encode()).hexdigest() if one else "" for one in self.phone)


def _known(part: Part, system: System, day: int, luck: Float64s) -> NDArray[np.bool_]:
    """Who a system knows: whoever uses it, which age, means and ease with machines decide."""
    people = part.population
    using = np.zeros(part.block.customers, dtype=np.bool_)
    match system:
        case "cards":
            using[part.habits.cards.owner] = True
            return using
        case "loans":
            loans = part.habits.loans
            using[loans.owner[loans.opened_day <= day]] = True
            return using
        case "wealth":
            placements = part.placements
            using[placements.owner[~placements.is_deposit & (placements.opened_day <= day)]] = True
            using[Assessments.make(part.block, people).customer] = True
            return using
    managed = np.isin(
        np.arange(part.block.customers), managed_customers(part.block.parameters.managed_share, people.wealth)
    )
    # assumed
    share = {
        "app": 0.25 + 1.1 * people.digital,
        "web": 0.1 + 0.9 * people.digital,
        "stm": 0.3 + 0.008 * people.age,
        "crm": np.where(managed, 0.95, 0.6 * people.means),
        "wecom": managed * (0.2 + 0.8 * people.digital),
        "shop": 0.1 + 0.8 * people.digital,
        "hospital": 0.006 * people.age,
        "civic": np.full(part.block.customers, 0.5),
    }[system]
    known = (luck < share) & (people.age >= ADULT)
    if system == "crm":  # whoever was asked stands in it
        asked = part.placed.asked
        known[asked.owner[asked.chosen]] = True
    return known


def _phone_faults(block: Block, luck: Float64s) -> Int64s:
    """Positions in `PHONE_FAULTS`; their number where nothing is wrong."""
    parameters = block.parameters
    shares = np.cumsum(
        (
            parameters.identity_missing_share,
            parameters.identity_conflict_share,
            parameters.identity_shared_share,
            parameters.identity_old_phone_share,
        )
    )
    return np.searchsorted(shares, luck, side="right").astype(np.int64)


def _another_name(name: str, variant: int, *, married: bool) -> tuple[str, str]:
    """The name and what is wrong with it, if anything: not every name has every variant."""
    fault = NAME_FAULTS[variant]
    match fault:
        case "traditional_name":
            other = names.traditional(name)
        case "pinyin_name":
            other = names.pinyin(name)
        case "short_name":
            other = names.without_middle(name)
        case _:
            # whoever married, in a family from overseas, bore another surname before
            following = names.SURNAMES.index(name[0]) + 7
            other = names.SURNAMES[following % len(names.SURNAMES)] + name[1:] if married else name
    return other, fault if other != name else ""


def as_of_day(part: Part) -> int:
    """The data date of the history."""
    return day_number(part.block.parameters.as_of) - 1


def _keys(block: Block, system: System, customer: Int64s, second: Int64s) -> list[int]:
    """Numbers that do not show whose they are; the last seven digits, a bijection, keep them apart."""
    number = (block.first + customer) * 2 + second
    salt = sum(ord(letter) << (8 * place) for place, letter in enumerate(system[:6]))
    mixed = (mix64(number, seed=salt + block.parameters.seed % 2**32) >> np.uint64(42)).astype(np.int64)
    keys: list[int] = (mixed % 1_000_000 * 10_000_000 + number * 7_919 % 10_000_000).tolist()
    return keys
