"""What policies earn on the simulated bank, side by side in the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.text import Text

from lingque.core.labels import Label, Language
from lingque.entry.closed_loop.running import AS_MANY, MODELS, TRUTH
from lingque.entry.show import table
from lingque.twin.loop import Result

_POLICIES: dict[str, Label] = {
    "nobody": Label(zh="不触达", en="nobody"),
    "mass_sms": Label(zh="群发短信", en="mass texts"),
    AS_MANY: Label(zh="等量短信", en="as many texts"),
    "best_response": Label(zh="预知响应", en="best response"),
    MODELS: Label(zh="平台", en="platform"),
    TRUTH: Label(zh="平台·真值", en="platform, truth"),
    "greatest_effect": Label(zh="预知增量", en="greatest effect"),
}
_NOTES = Label(
    zh="触后成交：按触达的条件成交。促成与利润为真值，利润单位元。等量短信：与平台同样多，随机抽取；"
    "预知：知道每位客户的响应或增量；真值：以真值代替平台的模型。",
    en="Bought: on the terms of the contact. Caused and profit (CNY) are the truth. As many texts: as the platform "
    "contacts, by lot. Best response, greatest effect: foretold perfectly. Truth: in place of the platform's models.",
)
_FEN = 100


def policies(results: Mapping[str, Result], language: Language) -> RenderableType:
    """A row per policy, money in whole CNY. It fits into 80 columns."""
    head = Label(
        zh="策略|触达|触后成交|促成|退订|投诉|增量利润",
        en="policy|contacts|bought|caused|opt-outs|complaints|profit",
    )
    columns = head.in_language(language).split("|")
    made = table(*columns, right=columns[1:])
    for name, one in results.items():
        counts = (one.contacts, one.followed, one.caused, one.opt_outs, one.complaints, one.profit / _FEN)
        made.add_row(_POLICIES[name].in_language(language), *(f"{count:,.0f}" for count in counts))
    return Group(made, Text(_NOTES.in_language(language), style="dim"))
