"""What commands print of clusters and of look-alikes, in both languages."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from lingque.core.labels import Label, Language
from lingque.entry.show import table
from lingque.flow.clusters import Clusters
from lingque.flow.look_alike import Audience
from lingque.predict.contracts import Interval
from lingque.profile.cluster_tags import label_of

_TRAITS = 4
_SHARES = (0.01, 0.05, 0.1)


def clusters(found: Clusters, language: Language) -> RenderableType:
    """A line per cluster: its size and what sets it apart, in standard deviations."""
    what = found.found
    title = Label(
        zh=f"{len(what.profiles)} 类，轮廓系数 {what.silhouette:.2f}（{found.as_of} 快照，{found.customers:,} 位客户）",
        en=f"{len(what.profiles)} clusters, silhouette {what.silhouette:.2f}"
        f" (snapshot as of {found.as_of}, {found.customers:,} customers)",
    ).in_language(language)
    head = ("类", "占比", "概括", "特征（标准差）") if language == "zh" else (
        "cluster", "share", "in short", "what sets it apart (standard deviations)"
    )  # fmt: skip
    made = table(*head, title=title, right=head[1:2])
    for profile in what.profiles:
        traits = ", ".join(
            f"{found.labels[one.tag].in_language(language)} {one.difference:+.2f}" for one in profile.traits[:_TRAITS]
        )
        words = label_of(profile, found.labels).in_language(language)
        made.add_row(f"{found.name}_{profile.number}", f"{profile.share:.1%}", Text(words), Text(traits))
    tried = ", ".join(f"{number}: {value:,.2f}" for number, value in what.tried)
    by = "BIC" if what.method == "gmm" else Label(zh="轮廓系数", en="silhouette").in_language(language)
    return Group(made, Text(f"{by}  {tried}", style="dim"))


def audience(found: Audience, language: Language) -> RenderableType:
    """How well the seed can be told apart, by which tags, and how alike the likest are."""
    what = found.found
    title = Label(
        zh=f"与 {found.segment} 相似：{what.seed:,} 位种子客户，{what.rest:,} 位候选（{found.as_of} 快照）",
        en=f"like {found.segment}: {what.seed:,} in the seed, {what.rest:,} ranked (snapshot as of {found.as_of})",
    ).in_language(language)
    learners = {"trees": Label(zh="树模型", en="trees"), "logistic": Label(zh="逻辑回归", en="logistic regression")}
    other = "logistic" if what.learner == "trees" else "trees"
    measured = (
        f"AUC {learners[what.learner].in_language(language)} {_interval(what.auc)}; "
        f"{learners[other].in_language(language)} {_interval(what.other_auc)}"
    )
    head = ("标签", "名称", "增益", "|SHAP|") if language == "zh" else ("tag", "label", "gain", "|SHAP|")
    made = table(*head, right=head[2:])
    for one in what.importances:
        label = found.labels[one.feature].in_language(language)
        made.add_row(one.feature, label, f"{one.gain:.1%}", f"{one.shap:.3f}")
    likest = table(*(("最相似的", "平均概率") if language == "zh" else ("the likest", "mean probability")))
    for share in _SHARES:
        count = max(1, round(share * len(what.ids)))
        likest.add_row(f"{count:,}", f"{what.probabilities[:count].mean():.1%}")
    return Group(Text(title, style="bold"), Text(measured), made, likest)


def _interval(one: Interval) -> str:
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"
