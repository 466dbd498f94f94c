"""Leave for messages: the permit of this moment, the address it opens, and the words that go there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from lingque.core.clock import Clock, Instant
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.deliver.compose import Sender, compose
from lingque.deliver.contracts import BY_PEOPLE, Content, Message
from lingque.deliver.grounds import grounds_of
from lingque.deliver.tables import contents
from lingque.govern.contracts import Addresses, Grounds, OptOut, OptOutTokens, Permit, PermitAsk, Permits


def ask_of(work: Any, grounds: Grounds, moment: Instant, *, sending: bool) -> PermitAsk:
    """The question for the message of this row: may it be sent at the moment, or (not `sending`) may it wait on?"""
    return PermitAsk(
        purpose=Purpose(work.purpose),
        channel=work.channel,
        data_classes=DataClass(work.data_classes),
        moment=moment,
        sending=sending,
        grounds=grounds,
    )


@dataclass(frozen=True, kw_only=True)
class Leave:
    """Asks `govern` for every message anew, at the moment at which it goes."""

    permits: Permits
    addresses: Addresses
    opt_outs: OptOutTokens
    sender: Sender
    clock: Clock
    _words: dict[str, Content] = field(default_factory=dict)
    _grounds: dict[str, Grounds] = field(default_factory=dict)

    def message(self, connection: Connection, work: Any) -> Message | Refusal:
        """The message of this row, permitted now and with its address opened; or why not."""
        return self.messages(connection, [work])[0]

    def messages(self, connection: Connection, works: Sequence[Any]) -> list[Message | Refusal]:
        """The message of each row, in order, permitted now; the addresses of all are opened together."""
        leave = [self._leave(connection, work) for work in works]
        permits = [one for one in leave if isinstance(one, Permit)]
        addresses = iter(self.addresses.release_all(connection, permits))
        opened = [next(addresses) if isinstance(one, Permit) else one for one in leave]
        called = [
            one
            for one, address in zip(leave, opened, strict=True)
            if isinstance(one, Permit) and isinstance(address, str) and one.ask.channel in BY_PEOPLE
        ]
        names = iter(self.addresses.release_names(connection, called) if called else ())
        return [
            address
            if isinstance(address, Refusal)
            else self._message(connection, work, address, next(names) if work.channel in BY_PEOPLE else "")
            for work, address in zip(works, opened, strict=True)
        ]

    def _leave(self, connection: Connection, work: Any) -> Permit | Refusal:
        disturbs = work.channel not in BY_PEOPLE  # a task may be given out at night; it is done by day
        ask = ask_of(work, self._grounds_of(connection, work), self.clock.now(), sending=disturbs)
        return self.permits.permit(connection, CustomerId(work.customer_id), ask)

    def _message(self, connection: Connection, work: Any, address: str, name: str | Refusal) -> Message:
        opt_out = OptOut(customer_id=CustomerId(work.customer_id), purpose=Purpose(work.purpose), channel=work.channel)
        message = compose(
            self._content(connection, work.content_digest),
            channel=work.channel,
            address=address,
            key=work.message_key,
            token=self.opt_outs.token(opt_out),
            sender=self.sender,
        )
        if work.channel not in BY_PEOPLE:
            return message
        # a call can be made without a name
        known = "" if isinstance(name, Refusal) else name
        return replace(message, route=work.route, name=known, label=work.label, why=work.why, due=work.due)

    def refusals(self, connection: Connection, works: Iterable[Any]) -> Iterator[tuple[Any, Reason]]:
        """Which of these waiting tasks have lost their leave, and the first reason why. Quiet hours do not matter."""
        moment = self.clock.now()

        def question(work: Any) -> tuple[int, str, int, str]:
            return work.purpose, work.channel, work.data_classes, work.grounds_digest

        for _, alike in groupby(sorted(works, key=question), key=question):
            listed = list(alike)
            ids = np.array([work.customer_id for work in listed], dtype=np.int64)
            ask = ask_of(listed[0], self._grounds_of(connection, listed[0]), moment, sending=False)
            answer = self.permits.permit_set(connection, ids, ask)
            for position in np.flatnonzero(~answer.allowed).tolist():
                yield listed[position], min(r for r, flags in answer.refusals.items() if flags[position])

    def _grounds_of(self, connection: Connection, work: Any) -> Grounds:
        digest = work.grounds_digest
        if digest not in self._grounds:  # like words: what a digest stands for never changes
            self._grounds[digest] = grounds_of(connection, digest)
        return self._grounds[digest]

    def _content(self, connection: Connection, digest: str) -> Content:
        if digest not in self._words:  # a digest says all: what it stands for never changes
            row = connection.execute(select(contents).where(contents.c.content_digest == digest)).one()
            self._words[digest] = Content(subject=row.subject, body=row.body, language=row.language)
        return self._words[digest]
