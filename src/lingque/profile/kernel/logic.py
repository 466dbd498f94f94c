"""Truth as text, with what is known beforehand left out."""

from __future__ import annotations

TRUE, FALSE = "True", "False"


def both(left: str, right: str) -> str:
    if FALSE in (left, right):
        return FALSE
    return right if left == TRUE else left if right == TRUE else f"({left} & {right})"


def either(left: str, right: str) -> str:
    if TRUE in (left, right):
        return TRUE
    return right if left == FALSE else left if right == FALSE else f"({left} | {right})"


def negated(text: str) -> str:
    return {TRUE: FALSE, FALSE: TRUE}.get(text, f"(not {text})")


def chosen(when: str, then: str, otherwise: str) -> str:
    if when in (TRUE, FALSE):
        return then if when == TRUE else otherwise
    return then if then == otherwise else f"({then} if {when} else {otherwise})"
