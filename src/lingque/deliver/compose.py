"""The message as the customer reads it: the words, then who sends it and how to refuse."""

from __future__ import annotations

from dataclasses import dataclass

from lingque.core.labels import Label
from lingque.deliver.contracts import BY_PEOPLE, Content, Message


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Who answers for every message: the true name and a contact (Advertising Law art. 43, SMS rules)."""

    name: str
    contact: str
    opt_out_base: str


_FOOTER = Label(
    zh="—\n{name}，联系方式：{contact}\n如不希望再收到此类信息，请点击退订：{url}",
    en="—\n{name}, contact: {contact}\nIf you do not want messages of this kind, refuse them here: {url}",
)

_SHORT = Label(zh="【{name}】{body} 拒收请回复R", en="【{name}】{body} Reply R to refuse")
"""Signature in front and the way to refuse at the end, as the rules on short-message services ask of every one."""

_BY_MOUTH = Label(
    zh="客户拒绝再被联系时，在回执中登记 opted_out",
    en="where the customer does not want to be contacted again, record opted_out in the receipts",
)


def compose(content: Content, *, channel: str, address: str, key: str, token: str, sender: Sender) -> Message:
    """Sender and opt-out are added here and nowhere else, so that no creative can leave them out."""
    url = f"{sender.opt_out_base.rstrip('/')}/u/{token}"
    body, by_mouth = content.body.rstrip(), ""
    if channel in BY_PEOPLE:
        by_mouth = _BY_MOUTH.in_language(content.language)
    elif channel == "sms":
        body = _SHORT.in_language(content.language).format(name=sender.name, body=body)
    else:
        footer = _FOOTER.in_language(content.language).format(name=sender.name, contact=sender.contact, url=url)
        body = f"{body}\n\n{footer}\n"
    return Message(key=key, address=address, subject=content.subject, body=body, opt_out_url=url, opt_out=by_mouth)
