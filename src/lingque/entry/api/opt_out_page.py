"""The public page behind the link in every message: refusing takes one press of a button and no key.

Looking at it changes nothing, because mail scanners follow links; only a POST withdraws, be it the button or the
mail program's own (RFC 8058). The page says nothing about the customer, and a link that is not ours always gets
the same page.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from lingque.core.errors import BusyError
from lingque.core.labels import Label
from lingque.entry.api.guarded import Workspace
from lingque.settings import SenderSection

PATH = "/u/{token}"
EVIDENCE = "opt-out page"

router = APIRouter(tags=["customers"], default_response_class=HTMLResponse)

_FOLDER = files("lingque.entry.api")
CHANNELS = {
    "email": Label(zh="电子邮件", en="e-mail"),
    "sms": Label(zh="短信", en="text message"),
    "rm_call": Label(zh="客户经理电话", en="calls of a relationship manager"),
}

# The field is what a mail program sends by itself (RFC 8058 section 3.2): both ways are one request.
_FORM = (
    '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
    '<button type="submit">确认退订 · <span lang="en">Stop these messages</span></button></form>'
)

_ASKING = (
    Label(zh="退订", en="Stop these messages"),
    Label(
        zh="点击按钮后，我们将不再通过{channel}向您发送此类信息，立即生效。",
        en="Press the button and we will send you no more messages of this kind by {channel}, effective at once.",
    ),
)
_DONE = (
    Label(zh="已退订", en="Done"),
    Label(
        zh="您已撤回同意，我们不会再通过{channel}向您发送此类信息。",
        en="Your consent is withdrawn. We will send you no more messages of this kind by {channel}.",
    ),
)
UNKNOWN = (
    Label(zh="链接无效", en="This link is not valid"),
    Label(
        zh="请使用邮件中的完整链接，或通过下方联系方式退订。",
        en="Please use the whole link from the message, or refuse through the contact below.",
    ),
)
BUSY = (
    Label(zh="请稍后再试", en="Please try again in a moment"),
    Label(
        zh="退订尚未完成，请稍后再次点击按钮。",
        en="This has not been done yet. Please press the button again in a moment.",
    ),
)


def _described(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"text/html": {"schema": {"type": "string"}}}}


ANSWERS: dict[int | str, dict[str, Any]] = {
    200: _described("The page"),
    404: _described("A link that is not ours"),
}


@router.get(PATH, operation_id="show_opt_out", summary="The page that asks; changes nothing", responses=ANSWERS)
def show_opt_out(token: str, workspace: Workspace) -> HTMLResponse:
    sender = workspace.settings.sender
    opt_out = workspace.services.opt_outs.read(token)
    if opt_out is None:
        return page(UNKNOWN, sender, status=404)
    return page(_ASKING, sender, channel=opt_out.channel, form=_FORM)


@router.post(
    PATH,
    operation_id="opt_out",
    summary="Withdraw, effective at once",
    responses={**ANSWERS, 503: _described("Not done yet")},
)
def opt_out(token: str, workspace: Workspace) -> HTMLResponse:
    """The body is not read: whoever has the link and POSTs wants out."""
    sender, services = workspace.settings.sender, workspace.services
    withdrawn = services.opt_outs.read(token)
    if withdrawn is None:
        return page(UNKNOWN, sender, status=404)
    try:
        # not under the workspace's lock: a customer who refuses does not wait for an import to finish
        with services.database.transaction() as connection:
            services.opt_outs.withdraw(connection, withdrawn, at=services.clock.now(), evidence=EVIDENCE)
    except BusyError:
        return page(BUSY, sender, status=503, form=_FORM)
    return page(_DONE, sender, channel=withdrawn.channel)


def page(
    words: tuple[Label, Label], sender: SenderSection, *, status: int = 200, channel: str = "", form: str = ""
) -> HTMLResponse:
    """A page for customers; `form` is markup of ours, with everything in it escaped."""
    title, text = words
    style = (_FOLDER / "opt_out_page.css").read_text(encoding="utf-8")
    named = CHANNELS.get(channel, Label(zh=channel, en=channel))
    page = Template((_FOLDER / "opt_out_page.html").read_text(encoding="utf-8")).substitute(
        style=style,  # ours, and named by its digest in the policy; everything else is escaped
        form=form,
        title_zh=escape(title.zh),
        title_en=escape(title.en),
        text_zh=escape(text.zh.format(channel=named.zh)),
        text_en=escape(text.en.format(channel=named.en)),
        sender=escape(sender.name),
        contact=escape(sender.contact),
    )
    headers = {
        "Content-Security-Policy": _policy(style),
        "Cache-Control": "no-store",
        "Content-Language": "zh-CN, en",
    }
    if status == 503:
        headers["Retry-After"] = "5"
    return HTMLResponse(page, status_code=status, headers=headers)


def _policy(style: str) -> str:
    """Nothing but this one style sheet and a form back to us."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
