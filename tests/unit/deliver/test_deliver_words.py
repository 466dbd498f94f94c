"""What a customer, a gateway and a spreadsheet are given to read."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingque.core.labels import Language
from lingque.deliver.compose import Sender, compose
from lingque.deliver.contracts import STATUS_LABELS, Content, Message
from lingque.deliver.file_drop import guarded

SENDER = Sender(name="示例银行", contact="95555", opt_out_base="https://bank.example/")


def composed(channel: str, language: Language = "zh", body: str = "Words {name} {0}.\n") -> Message:
    content = Content(subject="", body=body, language=language)
    return compose(content, channel=channel, address="a", key="k", token="t", sender=SENDER)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_cell_is_a_formula_and_every_cell_can_be_read_back(cell: str) -> None:
    safe = guarded(cell)
    assert safe[:1] not in {"=", "+", "-", "@", "\t", "\r", "\n"}
    assert (safe[1:] if safe.startswith("'") else safe) == cell


@pytest.mark.parametrize("cell", ["=1+1", "+8613800000000", "-1", "@SUM(A1)", "\t=1", "'=1", "", "1=1", "中文"])
def test_a_guarded_cell_survives_the_file(cell: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerow([guarded(cell), "end"])
    ((read, _),) = csv.reader(io.StringIO(text.getvalue(), newline=""))
    assert (read[1:] if read.startswith("'") else read) == cell


def test_a_text_message_begins_with_who_sends_it_and_ends_with_how_to_refuse() -> None:
    assert composed("sms").body == "【示例银行】Words {name} {0}. 拒收请回复R"
    assert composed("sms", "en").body == "【示例银行】Words {name} {0}. Reply R to refuse"


def test_who_calls_reads_out_the_words_alone_and_is_told_how_to_record_a_refusal() -> None:
    message = composed("rm_call")
    assert message.body == "Words {name} {0}."
    assert "opted_out" in message.opt_out
    assert "opted_out" in composed("rm_call", "en").opt_out


def test_a_mail_ends_with_sender_contact_and_link() -> None:
    message = composed("email")
    assert message.opt_out_url == "https://bank.example/u/t"
    assert message.body.startswith("Words {name} {0}.\n\n")
    assert all(part in message.body for part in ("示例银行", "95555", message.opt_out_url))
    assert message.opt_out == ""


def test_every_status_has_its_words() -> None:
    assert all(label.zh and label.en for label in STATUS_LABELS.values())
