"""A customer's own page: consents, automated decisions, tags; without a script, in both languages.

The link is a secret of the customer's and ends after a week. Looking changes nothing; each button is one form.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse

from lingque.bootstrap import Application
from lingque.core.errors import BusyError
from lingque.core.labels import Label
from lingque.core.registries import DataClass, Purpose
from lingque.entry.api.guarded import Workspace
from lingque.entry.api.opt_out_page import ANSWERS, BUSY, CHANNELS, UNKNOWN, page
from lingque.flow.preferences import OwnPage, Question, TagShown, Wish, fulfil, own_page

PATH = "/p/{token}"
EVIDENCE = "preference page"

router = APIRouter(tags=["customers"], default_response_class=HTMLResponse)

_TITLE = Label(zh="我的偏好", en="My preferences")
_TEXT = Label(
    zh="您可以在这里查看并更改您的同意、自动化决策设置和标签。更改立即生效，且不影响您使用我们的服务。",
    en="Here you see and change what you agreed to, automated decisions, and your tags. A change is effective at once, "
    "and refusing costs you no service.",
)
_CLASSES: Mapping[DataClass, Label] = {
    DataClass.PERSONAL: Label(zh="接收此类信息", en="to be contacted"),
    DataClass.FINANCIAL: Label(zh="使用账户与交易信息", en="use of accounts and transactions"),
    DataClass.CREDIT_BUREAU: Label(zh="使用征信信息", en="use of credit-bureau data"),
    DataClass.HEALTH: Label(zh="使用健康信息", en="use of health data"),
    DataClass.LOCATION: Label(zh="使用位置信息", en="use of your whereabouts"),
    DataClass.BIOMETRIC: Label(zh="使用生物识别信息", en="use of biometric data"),
    DataClass.MINOR: Label(zh="使用未成年人信息", en="use of data of minors"),
    DataClass.IDENTIFIER: Label(zh="使用联系方式", en="use of names and addresses"),
}
_CONSENTS = Label(zh="同意", en="Consents")
_AUTOMATED = Label(zh="自动化决策", en="Automated decisions")
_AUTOMATED_TEXT = Label(
    zh="我们是否可以由系统根据您的个人特征选择向您推介的内容？拒绝后，您仍会收到不针对个人特征的信息。",
    en="May a machine choose by what we know of you what is proposed to you? If you refuse, what is proposed to "
    "everybody alike remains.",
)
_TAGS = Label(zh="标签", en="Tags")
_TAGS_TEXT = Label(
    zh="删除某个标签后，基于它的推介不再用于您。",
    en="After you delete a tag, nothing that rests on it is proposed to you.",
)
_ON, _OFF = Label(zh="已同意", en="agreed"), Label(zh="未同意", en="not agreed")
_ALLOWED, _REFUSED = Label(zh="已允许", en="allowed"), Label(zh="已拒绝", en="refused")
_DELETED = Label(zh="已删除", en="deleted")
_AGREE, _WITHDRAW = Label(zh="同意", en="Agree"), Label(zh="撤回", en="Withdraw")
_ALLOW, _REFUSE = Label(zh="允许", en="Allow"), Label(zh="拒绝", en="Refuse")
_DELETE, _RESTORE = Label(zh="删除", en="Delete"), Label(zh="恢复", en="Restore")


def address_of(token: str) -> str:
    """The path of the page that the token opens."""
    return PATH.replace("{token}", token)


@router.get(PATH, operation_id="show_preferences", summary="The customer's own page", responses=ANSWERS)
def show_preferences(token: str, workspace: Workspace) -> HTMLResponse:
    services, sender = workspace.services, workspace.settings.sender
    customer = services.preference_links.read(token, at=services.clock.now())
    if customer is None:
        return page(UNKNOWN, sender, status=404)
    return page((_TITLE, _TEXT), sender, form=_drawn(own_page(services, customer)))


@router.post(PATH, operation_id="change_preferences", summary="Change one preference", responses=ANSWERS)
async def change_preferences(token: str, request: Request, workspace: Workspace) -> HTMLResponse:
    """A form that is none of the page's changes nothing, and the page is shown again."""
    return await run_in_threadpool(_change, token, await request.body(), workspace)


def _change(token: str, body: bytes, workspace: Application) -> HTMLResponse:
    services, sender = workspace.services, workspace.settings.sender
    customer = services.preference_links.read(token, at=services.clock.now())
    if customer is None:
        return page(UNKNOWN, sender, status=404)
    shown = own_page(services, customer)
    wish = _wish_of(body, shown)
    if wish is not None:
        try:
            fulfil(services, customer, wish, evidence=EVIDENCE)
        except BusyError:
            return page(BUSY, sender, status=503)
    return page((_TITLE, _TEXT), sender, form=_drawn(own_page(services, customer)))


def _wish_of(body: bytes, shown: OwnPage) -> Wish | None:
    """What the form says, if it is one of the page's own; None else."""
    fields = {name: values[0] for name, values in parse_qs(body.decode("ascii", "replace")).items()}
    agreed = fields.get("agreed")
    if agreed not in ("yes", "no"):
        return None
    about = fields.get("about", "")
    questions = {_key(question): question for question in shown.preferences.agreed}
    if about == "consent" and fields.get("question", "") in questions:
        return Wish(about="consent", agreed=agreed == "yes", question=questions[fields["question"]])
    if about == "automated":
        return Wish(about="automated", agreed=agreed == "yes")
    if about == "tag" and fields.get("tag", "") in {tag.name for tag in shown.tags}:
        return Wish(about="tag", agreed=agreed == "yes", tag=fields["tag"])
    return None


def _drawn(shown: OwnPage) -> str:
    consents = "".join(_consent(question, agreed=agreed) for question, agreed in shown.preferences.agreed.items())
    refuses = shown.preferences.refuses_automated
    automated = _row(
        _AUTOMATED,
        _REFUSED if refuses else _ALLOWED,
        {"about": "automated", "agreed": "yes" if refuses else "no"},
        _ALLOW if refuses else _REFUSE,
    )
    tags = "".join(_tag(tag) for tag in shown.tags)
    return (
        f"<section><h2>{_both(_CONSENTS)}</h2><ul>{consents}</ul></section>"
        f"<section><h2>{_both(_AUTOMATED)}</h2><p>{_both(_AUTOMATED_TEXT)}</p><ul>{automated}</ul></section>"
        f"<section><h2>{_both(_TAGS)}</h2><p>{_both(_TAGS_TEXT)}</p><ul>{tags}</ul></section>"
    )


def _consent(question: Question, *, agreed: bool) -> str:
    purpose, channel, one = question
    named = CHANNELS.get(channel, Label(zh=channel, en=channel))
    what, use = Purpose(purpose).label, _CLASSES[one]
    label = Label(zh=f"{what.zh}（{named.zh}）：{use.zh}", en=f"{what.en} by {named.en}: {use.en}")
    fields = {"about": "consent", "question": _key(question), "agreed": "no" if agreed else "yes"}
    return _row(label, _ON if agreed else _OFF, fields, _WITHDRAW if agreed else _AGREE)


def _tag(tag: TagShown) -> str:
    label = Label(zh=f"{tag.label.zh}：{tag.value}", en=f"{tag.label.en}: {tag.value}")
    fields = {"about": "tag", "tag": tag.name, "agreed": "yes" if tag.refused else "no"}
    return _row(label, _DELETED if tag.refused else _ALLOWED, fields, _RESTORE if tag.refused else _DELETE)


def _row(label: Label, state: Label, fields: Mapping[str, Any], button: Label) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(str(value))}">' for name, value in fields.items()
    )
    # what the button does is said to who hears the page and does not see the row
    spoken = escape(f"{button.zh} {label.zh} · {button.en}: {label.en}")
    return (
        f"<li><span>{_both(label)}</span> <strong>{_both(state)}</strong>"
        f'<form method="post">{hidden}<button type="submit" aria-label="{spoken}">{_both(button)}</button></form></li>'
    )


def _both(label: Label) -> str:
    return f'{escape(label.zh)} · <span lang="en">{escape(label.en)}</span>'


def _key(question: Question) -> str:
    purpose, channel, one = question
    return f"{int(purpose)}.{int(one)}.{channel}"
