"""The message as the customer reads it: the words, then who sends it and how to refuse."""

from __future__ import annotations

from dataclasses import dataclass

from lingque.core.labels import Label
from lingque.deliver.contracts import Content, Message


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


def compose(content: Content, *, address: str, key: str, token: str, sender: Sender) -> Message:
    """The footer is added here and nowhere else, so that no creative can leave it out."""
    url = f"{sender.opt_out_base.rstrip('/')}/u/{token}"
    footer = _FOOTER.in_language(content.language).format(name=sender.name, contact=sender.contact, url=url)
    return Message(
        key=key,
        address=address,
        subject=content.subject,
        body=f"{content.body.rstrip()}\n\n{footer}\n",
        opt_out_url=url,
    )
