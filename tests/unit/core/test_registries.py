"""Numbers that stand in logs and consent records for ever: the tables here never change, they only grow."""

from __future__ import annotations

from enum import IntEnum

import pytest

from lingque.core.reasons import REASON_LABELS, Reason, Refusal
from lingque.core.registries import PURPOSE_LABELS, SENSITIVE, DataClass, Purpose

REASONS = {
    101: "NO_CONSENT",
    102: "CONSENT_WITHDRAWN",
    103: "CONSENT_EXPIRED",
    104: "NO_CONSENT_FOR_DATA_CLASS",
    106: "UNDER_AGE",
    107: "AGE_UNKNOWN",
    108: "UNKNOWN_CUSTOMER",
    109: "ON_EXCLUSION_LIST",
    110: "COMPLIANCE_EXCLUSION",
    111: "QUIET_HOURS",
    112: "KEPT_BY_LAW",
    121: "AUTOMATED_DECISION_REFUSED",
    122: "NO_GUARDIAN_CONSENT",
    123: "TAG_REFUSED",
    124: "OUTSIDE_SCOPE",
    125: "ROLES_DO_NOT_FIT",
    126: "PASSWORD_TOO_WEAK",
    127: "SIGN_IN_FAILED",
    128: "CONSENT_REQUIRED",
    129: "NOT_A_TREE",
    130: "APPROVAL_EXPIRED",
    131: "REQUEST_TOO_LARGE",
    161: "PURPOSE_NOT_ALLOWED",
    201: "NOT_ELIGIBLE",
    202: "ELIGIBILITY_UNKNOWN",
    203: "OFFER_NOT_VALID",
    204: "NOT_REACHABLE",
    205: "NO_VALUE",
    206: "HELD_OUT",
    207: "BETTER_OFFER",
    208: "CONTACT_CAP",
    209: "NO_CAPACITY",
    210: "RISK_GRADE_TOO_HIGH",
    211: "ASSESSMENT_MISSING",
    212: "ASSESSMENT_EXPIRED",
    213: "TOO_RISKY_AT_THIS_AGE",
    214: "OUT_OF_STOCK",
    215: "BUDGET_SPENT",
    216: "CONTACTED_LATELY",
    217: "REFUSED_LATELY",
    218: "BOUGHT_LATELY",
    219: "EXCLUDED_BY_HOLDING",
    220: "NEEDS_HOLDING",
    221: "SUPERSEDED",
    222: "BENEFIT_WITH_DEPOSIT",
    223: "SCORE_MISSING",
    224: "NOT_NEEDED",
    225: "NOT_AFFORDABLE",
    226: "STUDENT",
    227: "BANK_POLICY",
    228: "DRAWN_INSTEAD",
    229: "NOT_ALLOTTED",
    230: "NO_HOURS",
    301: "NOT_APPROVED",
    302: "OWN_WORK",
    303: "CHANGED_SINCE_PLAN",
    304: "WRONG_STATE",
    305: "ROLE_NOT_ALLOWED",
    306: "REJECTED",
    307: "NOT_REVIEWED",
    308: "PILOT_NOT_APPROVED",
    309: "NOT_DUE",
    310: "LIMITS_CONTRADICT",
    321: "MORE_APPROVALS_NEEDED",
    322: "NOT_DELEGATED",
    401: "RECEIVER_REFUSED",
    402: "FATE_UNKNOWN",
    403: "ADDRESS_MISSING",
    404: "DECLINED",
    405: "NOT_DONE_IN_TIME",
    406: "CAMPAIGN_STOPPED",
    407: "RECEIVER_OPTED_OUT",
    501: "TOO_FEW_UNITS",
    502: "SAMPLE_RATIO_MISMATCH",
    503: "OUTCOME_NOT_YET_KNOWN",
    504: "NO_VARIATION",
    505: "NO_OVERLAP",
    601: "MISSING_VALUE",
    602: "NOT_A_DATE",
    603: "NOT_AN_INTEGER",
    604: "NOT_MONEY",
    605: "NOT_A_BOOLEAN",
    606: "VALUE_NOT_ALLOWED",
    607: "DUPLICATE_KEY",
    608: "UNKNOWN_REFERENCE",
    609: "NOT_AN_ADDRESS",
    610: "NOT_A_NUMBER",
    611: "NOT_A_TIMESTAMP",
    612: "UPSTREAM_LATE",
    613: "QUALITY_BELOW_GATE",
    701: "TOO_FEW_EXAMPLES",
    702: "LABEL_NOT_YET_KNOWN",
    703: "MODEL_NOT_TRAINED",
    704: "MODEL_TOO_OLD",
}
PURPOSES = {1: "SERVICE", 2: "MARKETING", 3: "RISK", 4: "SHARING", 5: "ANALYTICS"}
DATA_CLASSES = {
    1: "PERSONAL",
    2: "FINANCIAL",
    4: "CREDIT_BUREAU",
    8: "HEALTH",
    16: "LOCATION",
    32: "BIOMETRIC",
    64: "MINOR",
    128: "IDENTIFIER",
}


@pytest.mark.parametrize(
    ("registry", "frozen"),
    [(Reason, REASONS), (Purpose, PURPOSES), (DataClass, DATA_CLASSES)],
    ids=lambda x: str(x)[:20],
)
def test_no_number_changed_its_meaning_or_was_reused(registry: type[IntEnum], frozen: dict[int, str]) -> None:
    # __members__ lists aliases too: a second name for an old number is a reuse
    assert {name: int(member) for name, member in registry.__members__.items()} == {
        name: number for number, name in frozen.items()
    }, "a number keeps its meaning for ever; add a new one here when the registry grows"


def test_a_reason_fits_the_column_of_the_log() -> None:
    assert max(Reason) < 2**15


@pytest.mark.parametrize("entry", [*Reason, *Purpose], ids=lambda entry: entry.name)
def test_everything_is_said_in_both_languages(entry: Reason | Purpose) -> None:
    assert entry.label.in_language("zh").strip()
    assert entry.label.in_language("en").strip()
    assert entry.label.zh != entry.label.en
    assert not entry.label.zh.isascii()
    assert entry.label.en.isascii()


@pytest.mark.parametrize("labels", [REASON_LABELS, PURPOSE_LABELS])
def test_no_two_entries_read_alike(labels: dict[IntEnum, object]) -> None:
    assert len(set(labels.values())) == len(labels)


def test_the_sensitive_classes_are_those_of_the_law() -> None:
    assert set(SENSITIVE.names) == {"financial", "credit_bureau", "health", "location", "biometric", "minor"}


def test_a_set_of_classes_is_a_union_that_names_its_members() -> None:
    both = DataClass.union([DataClass.HEALTH, DataClass.PERSONAL, DataClass.HEALTH])
    assert both.names == ("personal", "health")
    assert DataClass.union([]) == DataClass(0)
    assert DataClass(0).names == ()


def test_a_refusal_reads_as_reason_and_detail() -> None:
    assert str(Refusal(reason=Reason.OWN_WORK, detail="lan planned it")) == "OWN_WORK: lan planned it"
