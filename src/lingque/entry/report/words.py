"""The words of a report, in both languages."""

from __future__ import annotations

from lingque.core.labels import Label
from lingque.measure.contracts import Phase
from lingque.measure.groups import MIN_UNITS, SRM_ALPHA

WORDS: dict[str, Label] = {
    "kind": Label(zh="营销活动效果报告", en="Campaign report"),
    "campaign": Label(zh="活动", en="Campaign"),
    "digest": Label(zh="方案摘要", en="Plan"),
    "as_of": Label(zh="标签日期", en="Tags as of"),
    "known_by": Label(zh="数据截至", en="Known by"),
    "scope": Label(zh="范围", en="Scope"),
    "interval": Label(zh="95% 区间", en="95 % interval"),
    "each": Label(zh="（人均）", en=" (per customer)"),
    # reach
    "reach": Label(zh="触达漏斗", en="From the list to delivery"),
    "step": Label(zh="环节", en="step"),
    "customers": Label(zh="人数", en="customers"),
    "lost": Label(zh="减少", en="lost"),
    "of_list": Label(zh="占名单", en="of the list"),
    # refusals
    "refusals": Label(zh="未触达的原因", en="Why not"),
    "refusals_lead": Label(
        zh="按候选方案计；同一候选可有多个原因。", en="Candidates refused; one may be refused for several reasons."
    ),
    "reason": Label(zh="原因", en="reason"),
    "candidates": Label(zh="候选数", en="candidates"),
    # effect
    "effect": Label(zh="效果", en="Effect"),
    "rates": Label(zh="两组达成比例", en="Rate in each group"),
    "group": Label(zh="组别", en="group"),
    "contacted": Label(zh="触达组", en="contacted"),
    "held_out": Label(zh="对照组", en="held out"),
    "successes": Label(zh="达成", en="successes"),
    "rate": Label(zh="比例", en="rate"),
    "both_rates": Label(zh="两组比例", en="rates"),
    "proven": Label(zh="效果显著（区间不含零）", en="an effect is shown (the interval leaves zero out)"),
    "open": Label(
        zh="未见可与偶然区分的效果（区间含零）", en="no effect that can be told from chance (zero is inside)"
    ),
    "no_effect": Label(zh="0 无效果", en="0 no effect"),
    "truth": Label(zh="真实效果（仅模拟银行可知）", en="true effect (known only of a simulated bank)"),
    # further outcomes
    "further": Label(zh="其他结果", en="Other outcomes"),
    "further_lead": Label(
        zh="金额为人均值；合计为差额乘以触达人数。",
        en="Amounts are per customer; the total is the difference times the customers contacted.",
    ),
    "outcome": Label(zh="结果", en="outcome"),
    "difference": Label(zh="差额", en="difference"),
    "in_total": Label(zh="合计", en="in total"),
    # money
    "profit_title": Label(zh="成本、利润与投入产出", en="Cost, profit, return"),
    "profit": Label(zh="增量利润", en="Incremental profit"),
    "cost": Label(zh="成本", en="Cost"),
    "earned": Label(zh="增量毛利", en="incremental margin"),
    "spent": Label(zh="触达成本", en="contacts"),
    "conceded": Label(zh="优惠成本（含本来就会办理的客户）", en="concessions, also to those who would have come"),
    "item": Label(zh="项目", en="item"),
    "amount": Label(zh="金额", en="amount"),
    "roi": Label(zh="投入产出比", en="Return on cost"),
    "roi_note": Label(zh="增量利润 ÷ 触达与优惠成本", en="incremental profit ÷ cost of contacts and concessions"),
    "break_even": Label(zh="0 盈亏平衡", en="0 break-even"),
    "no_profit": Label(
        zh="效果无法判断，因此不计算利润。", en="The effect cannot be judged, so there is no profit to tell."
    ),
    # parts
    "parts": Label(zh="分渠道与产品", en="By channel and offer"),
    "parts_lead": Label(
        zh="两组比例为触达 / 对照。各行分别检验；行数较多时，个别行可能因偶然显得显著。",
        en="Rates: contacted / held out. Each row is judged alone; among many rows one may look proven by chance.",
    ),
    "channel": Label(zh="渠道", en="channel"),
    "offer": Label(zh="产品", en="offer"),
    # deliveries
    "fates": Label(zh="送达情况", en="Deliveries"),
    "fates_lead": Label(
        zh="每条消息的最终状态；结果未知的不会重发，除非接收方能识别重复。",
        en="What became of each message; one whose fate is unknown is not repeated unless the receiver can tell.",
    ),
    "fate": Label(zh="状态", en="fate"),
    "messages": Label(zh="消息数", en="messages"),
    # the page's own
    "method_title": Label(zh="方法说明", en="How this was measured"),
    "signed": Label(zh="编制与审批", en="Who planned and approved"),
    "summary": Label(zh="要点", en="At a glance"),
}

PHASES: dict[Phase | None, Label] = {
    None: Label(zh="全部", en="the whole campaign"),
    "pilot": Label(zh="试点", en="pilot"),
    "rollout": Label(zh="推广", en="roll-out"),
}


METHOD: tuple[Label, ...] = (
    Label(
        zh="对照组由系统随机留出，全部计入其所属组别，无论消息是否送达（意向性分析）。",
        en="Customers are held out at random; everybody counts in the group they were drawn into, whether or not a "
        "message reached them (intention to treat).",
    ),
    Label(
        zh="比例差的 95% 区间用 Newcombe 混合得分法，均值差用 Welch t 区间。",
        en="95 % intervals: Newcombe's hybrid score for differences of rates, Welch's t for differences of means.",
    ),
    Label(
        zh=f"任一组少于 {MIN_UNITS} 人，或分组比例与抽取比例不符（p < {SRM_ALPHA}），则不给出效果，只给出原因。",
        en=f"With fewer than {MIN_UNITS} customers in a group, or groups not split as they were drawn "
        f"(p < {SRM_ALPHA}), no effect is told, only the reason.",
    ),
    Label(
        zh="增量利润 = 比例差 × 全部触达客户的单笔毛利之和 − 实际触达成本 − 触达后办理者的优惠成本。",
        en="Incremental profit = difference of rates × margin of all contacted − what the contacts sent really cost "
        "− what was conceded to those who converted after one.",
    ),
)
