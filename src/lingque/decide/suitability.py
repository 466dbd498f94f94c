"""Whom the law lets an offer be made to, by the regime of the product.

- wealth products: the customer's assessment, still valid, bears the product's risk; the higher grade counts where the
  issuer's and the seller's differ; elderly customers with care (金融机构产品适当性管理办法);
- funds and securities: the same for ordinary investors; a professional one may be proposed any risk
  (证券期货投资者适当性管理办法 art. 8, 22);
- insurance: by need and ability to pay;
- consumer loans: not to students.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lingque.core.reasons import Reason
from lingque.decide.facts import day_number
from lingque.decide.question import Against, Question

ELDERLY_AGE = 65
ELDERLY_RISK_GRADE = 3
"""From that age on nothing above that grade is proposed, whatever the assessment says."""


def bear_risk(question: Question) -> Iterator[Against]:
    """An assessment without a last day has expired, and an unknown age counts as a high one."""
    menu, rows = question.menu, question.menu.suited
    if not len(rows):
        return
    numbers = question.numbers
    tolerance, until = numbers[menu.tolerance[rows]], numbers[menu.valid_until[rows]]
    # NaN compares as false: what is not known is never enough
    exempt = numbers[menu.professional[rows]] == 1.0
    missing = np.isnan(tolerance)
    grade = menu.grade[rows][:, None]
    yield Reason.ASSESSMENT_MISSING, rows, missing & ~exempt
    yield Reason.ASSESSMENT_EXPIRED, rows, ~missing & ~(until >= day_number(question.context.today)) & ~exempt
    yield Reason.RISK_GRADE_TOO_HIGH, rows, (tolerance < grade) & ~exempt
    aged = rows[(menu.age[rows] >= 0) & (menu.grade[rows] > ELDERLY_RISK_GRADE)]
    if len(aged):
        yield Reason.TOO_RISKY_AT_THIS_AGE, aged, ~(numbers[menu.age[aged]] < ELDERLY_AGE)


def afford_cover(question: Question) -> Iterator[Against]:
    """A need that is not known is none, and neither is an ability to pay."""
    menu, rows = question.menu, question.menu.covered
    if len(rows):
        yield Reason.NOT_NEEDED, rows, question.numbers[menu.need[rows]] != 1.0
        yield Reason.NOT_AFFORDABLE, rows, ~(question.numbers[menu.ability[rows]] >= menu.premium[rows][:, None])


def no_students(question: Question) -> Iterator[Against]:
    """Who is not known to be no student may be one."""
    menu, rows = question.menu, question.menu.lent
    if len(rows):
        yield Reason.STUDENT, rows, question.numbers[menu.student[rows]] != 0.0
