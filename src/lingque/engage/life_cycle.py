"""The life of a campaign's plan: which state may follow which, and who moves it there.

    simulated ─▶ reviewed ─▶ approved ─┬▶ piloting ─▶ piloted ─▶ pilot_approved ─┐
        │           │                  └───────────────────────────────────────┴▶ rolling_out ─▶ rolled_out
        └─ rejected ┘                       paused ◀─▶ (piloting, rolling_out)                        │
                                                                                     evaluated ─▶ closed

`stopped` can be reached from every state before `rolled_out`, and is final but for evaluating and closing.
"""

from __future__ import annotations

from collections.abc import Sequence

from lingque.core.labels import Label
from lingque.core.reasons import Reason, Refusal
from lingque.engage.contracts import Plan, State

FOLLOWS: dict[State, frozenset[State]] = {
    "simulated": frozenset({"reviewed", "rejected", "stopped"}),
    "reviewed": frozenset({"approved", "rejected", "stopped"}),
    "rejected": frozenset({"reviewed", "stopped"}),
    "approved": frozenset({"piloting", "rolling_out", "stopped"}),
    "piloting": frozenset({"piloted", "paused", "stopped"}),
    "piloted": frozenset({"pilot_approved", "stopped"}),
    "pilot_approved": frozenset({"rolling_out", "stopped"}),
    "rolling_out": frozenset({"rolled_out", "paused", "stopped"}),
    "paused": frozenset({"piloting", "rolling_out", "stopped"}),
    "stopped": frozenset({"evaluated", "closed"}),
    "rolled_out": frozenset({"evaluated"}),
    "evaluated": frozenset({"evaluated", "closed"}),
    "closed": frozenset(),
}

SENDING: frozenset[State] = frozenset({"piloting", "rolling_out"})
"""The states in which messages of the wave may go out."""

WHEN_ALL_HAS_LEFT: dict[State, State] = {"piloting": "piloted", "rolling_out": "rolled_out"}
"""What a plan becomes when the last message of its wave has left."""

CONTACTED: frozenset[State] = frozenset(
    {"piloting", "piloted", "pilot_approved", "rolling_out", "paused", "stopped", "rolled_out", "evaluated", "closed"}
)
"""The states in which somebody may have been contacted, so that there can be something to report."""

STATE_LABELS: dict[State, Label] = {
    "simulated": Label(zh="已模拟", en="simulated"),
    "reviewed": Label(zh="已通过消保审查", en="reviewed for consumer protection"),
    "rejected": Label(zh="已驳回", en="rejected"),
    "approved": Label(zh="已批准", en="approved"),
    "piloting": Label(zh="试点中", en="pilot under way"),
    "piloted": Label(zh="试点完成，待评审", en="pilot done, to be judged"),
    "pilot_approved": Label(zh="试点已通过", en="pilot approved"),
    "rolling_out": Label(zh="推广中", en="rolling out"),
    "paused": Label(zh="已暂停", en="paused"),
    "stopped": Label(zh="已终止", en="stopped"),
    "rolled_out": Label(zh="已推广", en="rolled out"),
    "evaluated": Label(zh="已评估", en="evaluated"),
    "closed": Label(zh="已关闭", en="closed"),
}


def cannot_become(plan: Plan, to: State) -> Refusal | None:
    """Why the plan's present state does not lead there; nothing where it does."""
    if to in FOLLOWS[plan.state]:
        return None
    possible = ", ".join(sorted(FOLLOWS[plan.state])) or "nothing any more"
    return Refusal(
        reason=Reason.WRONG_STATE,
        detail=f"the plan of '{plan.campaign}' is {plan.state}, it cannot be {to}; next can be: {possible}",
    )


def state_before_pause(history: Sequence[State]) -> State:
    """Where a paused plan goes on, from its states in order. `ValueError` where it was never sending."""
    for state in reversed(history):
        if state in SENDING:
            return state
    raise ValueError("the plan was never under way")
