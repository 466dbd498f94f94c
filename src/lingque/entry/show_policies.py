"""What policies earn on the simulated bank, side by side in the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import RenderableType

from lingque.core.labels import Label, Language
from lingque.entry.closed_loop.running import AS_MANY, MODELS, TRUTH
from lingque.entry.show import table
from lingque.twin.loop import Result

_POLICIES: dict[str, Label] = {
    "nobody": Label(zh="不触达", en="nobody"),
    "mass_sms": Label(zh="群发短信", en="mass texts"),
    AS_MANY: Label(zh="同等触达量的短信", en="as many texts, by lot"),
    "best_response": Label(zh="完美预知响应", en="best response, foretold"),
    MODELS: Label(zh="平台", en="the platform"),
    TRUTH: Label(zh="平台（以真值代替模型）", en="the platform, with the truth for models"),
    "greatest_effect": Label(zh="完美预知增量", en="greatest effect, foretold"),
}
_FEN = 100


def policies(results: Mapping[str, Result], language: Language) -> RenderableType:
    """A row per policy, money in whole CNY."""
    head = Label(
        zh="策略|触达|触达后成交|成交|其中由触达促成|退订|投诉|真实增量利润（元）",
        en="policy|contacts|followed by a sale|sales|of them caused|opt-outs|complaints|true incremental profit, CNY",
    )
    columns = head.in_language(language).split("|")
    made = table(*columns, right=columns[1:])
    for name, one in results.items():
        counts = (one.contacts, one.followed, one.sales, one.caused, one.opt_outs, one.complaints, one.profit / _FEN)
        made.add_row(_POLICIES[name].in_language(language), *(f"{count:,.0f}" for count in counts))
    return made
