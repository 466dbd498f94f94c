"""Killed before every write of an erasure and of a change of keys: at the end it is as if nobody had died.

As in the planning's test, the work is done in processes that are killed with SIGKILL before the n-th statement that
writes, or before a commit; the next one goes on where that one left it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from bank_process import main
from customers_requests import JAN, WHO, assert_gone, receive, rows_about
from killing import Workers
from test_kill_planning import die_at
from tiny_bank import MIN, Bank, audit_of, customer_no, name_of, party_of

from lingque.bootstrap import Application
from lingque.core.reasons import Refusal
from lingque.flow.erasing import carry_out_erasure
from lingque.flow.rights import show_request
from lingque.govern.rights.requests import RequestKind, RequestState

pytestmark = pytest.mark.slow


def work(folder: str, control: str, step: str, moment: int) -> None:
    os.environ["LINGQUE_CONTROL__URL"] = control
    bank = Bank(folder=Path(folder))
    with bank.open() as application, application.writing() as services:
        die_at(services.database.engine, moment)
        if step == "erase":
            assert not isinstance(carry_out_erasure(services, 1, JAN), Refusal)
        else:
            list(services.rotation.rotate(actor="root"))
        # the trail is sealed after it, and a death there would begin the next change of keys
        os._exit(0)


@pytest.fixture(scope="module")
def killed_workers() -> Iterator[Workers]:
    made = Workers(Path(__file__))
    yield made
    made.close()


def deaths(workers: Workers, bank: Bank, step: str) -> Iterator[int]:
    """After each death the moment of it; ends when the work has come to its end."""
    for moment in count(1):
        code = workers.do([str(bank.folder), os.environ["LINGQUE_CONTROL__URL"], step, moment])
        if code == 0:
            return
        assert code == -signal.SIGKILL
        yield moment


def test_an_erasure_killed_before_every_write_is_an_erasure(sent_bank: Bank, killed_workers: Workers) -> None:
    with sent_bank.open() as application:
        customer = party_of(application, customer_no(WHO))
        about = rows_about(application.services, {customer})
        receive(application, RequestKind.ERASURE)
    died = 0
    for _ in deaths(killed_workers, sent_bank, "erase"):
        died += 1
        with sent_bank.open() as application:
            destroyed = known(application, customer) is None
            state = show_request(application.services, 1, MIN)
            assert not isinstance(state, Refusal)
            assert (state.state is RequestState.UNDER_WAY) is destroyed
    assert died > 8
    with sent_bank.open() as application:
        certificate = show_request(application.services, 1, MIN)
        assert not isinstance(certificate, Refusal)
        assert certificate.state is RequestState.DONE
        expected = {table: rows for table, rows in about.items() if table != "decisions"}
        assert certificate.outcome["data_plane"] == expected
        assert_gone(application, sent_bank.folder, customer)
        assert len(audit_of(application.services, "erase_customer")) == 1


def known(application: Application, customer: int) -> str | None:
    with application.services.database.reading() as connection:
        opened = application.vault.disclose(connection, [customer])
    return opened[customer]["name"] if customer in opened else None


def test_a_change_of_keys_killed_before_every_write_is_one(bank: Bank, killed_workers: Workers) -> None:
    with bank.open() as application:
        customer = party_of(application, customer_no(WHO))
    died = 0
    for _ in deaths(killed_workers, bank, "rotate"):
        died += 1
        with bank.open() as application:
            assert known(application, customer) == name_of(WHO)
    assert died > 5
    with bank.open() as application:
        services = application.services
        assert known(application, customer) == name_of(WHO)
        services.rotation.retire("1", actor="root")
    with bank.open() as application:
        assert known(application, customer) == name_of(WHO)
        assert application.services.rotation._keyring.store.current() == "2"


if __name__ == "__main__":
    main(work)
