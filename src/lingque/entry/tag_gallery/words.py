"""The words of the gallery, in both languages."""

from __future__ import annotations

from lingque.core.labels import Label

WORDS: dict[str, Label] = {
    "title": Label(zh="标签画廊", en="The gallery of tags"),
    "other": Label(zh="English", en="中文"),
    "as_of": Label(zh="快照日期", en="Snapshot as of"),
    "customers": Label(zh="客户", en="Customers"),
    "tags": Label(zh="标签", en="Tags"),
    "segments": Label(zh="客群", en="Segments"),
    "no_snapshot": Label(
        zh="还没有快照：先运行 lingque tags run", en="There is no snapshot yet: run 'lingque tags run' first"
    ),
    "families": Label(zh="十二类标签", en="The twelve families"),
    "owner": Label(zh="责任方", en="owner"),
    "definition": Label(zh="定义", en="Definition"),
    "lineage": Label(zh="血缘图", en="Lineage"),
    "users": Label(zh="被使用", en="used by"),
    "forward": Label(zh="前瞻标签（只用于学习与评估）", en="looks forward (for learning and measuring only)"),
    "live": Label(zh="实时", en="live"),
    "only": Label(zh="仅限", en="only"),
    "not_computed": Label(zh="快照中没有此标签", en="not in the snapshot"),
    "known": Label(zh="有值", en="known"),
    "true": Label(zh="为真", en="true"),
    "false": Label(zh="为假", en="false"),
    "none": Label(zh="无值", en="none"),
    "rest": Label(zh="其他", en="other"),
    "median": Label(zh="中位", en="median"),
    "drift": Label(zh="漂移 PSI", en="drift, PSI"),
    "method_title": Label(zh="怎样看", en="How to read it"),
    "method_line": Label(
        zh="阶梯图：把有值的客户按取值从小到大排队，横轴是客户占比，纵轴是取值，画到第九十百分位；虚线为中位数。",
        en="Staircase: customers with a value stand in a line from the least to the most; across, their share; up, "
        "the value, up to the 90th percentile. The dashed line is the median.",
    ),
    "method_sample": Label(
        zh="分布来自抽样；不足 5 位抽样客户的取值并入“其他”。有值、为真的人数来自全体客户。",
        en="Distributions are of a sample; a value that fewer than five sampled customers have counts as “other”. How "
        "many customers have a value, and for how many it is true, is counted of all.",
    ),
    "method_drift": Label(
        zh="漂移为与上一快照比较的群体稳定性指数：0.1 以下平稳，0.25 以上应有人查看。",
        en="Drift is the population stability index against the snapshot before: below 0.1 there is nothing to see, "
        "from 0.25 on somebody should look.",
    ),
    "method_classes": Label(
        zh="橙色的数据类别用于营销须有客户的单独同意；“仅限”表示数据只能用于这些目的。",
        en="Data classes in orange need the customer's separate consent for marketing; “only” names the purposes that "
        "the data may serve.",
    ),
}
METHOD = ("method_line", "method_sample", "method_drift", "method_classes")
