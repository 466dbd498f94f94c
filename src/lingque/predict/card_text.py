"""A model card as text: headings, sentences and tables, in either language."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Literal

from lingque.core.clock import datetime_of
from lingque.core.labels import Label, Language
from lingque.core.registries import SENSITIVE, DataClass, Purpose
from lingque.predict.contracts import Interval, ModelCard, Performance


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under a head; columns after the first `texts` hold numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int = 1


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading, sentences, and tables under them."""

    key: Literal["what", "parts", "performance", "calibration", "features", "groups", "limits", "origin"]
    title: str
    sentences: tuple[str, ...]
    tables: tuple[Table, ...] = ()


def sections_of(card: ModelCard, language: Language) -> tuple[Section, ...]:
    """The card, in the order in which it is read."""
    made = (_what, _parts, _performance, _calibration, _features, _groups, _limits, _origin)
    return tuple(make(card, language) for make in made)


def title_of(card: ModelCard, language: Language) -> str:
    """The model's label, name and version."""
    version = _say(language, zh="版本", en="version")
    return f"{card.label.in_language(language)} · {card.model} · {version} {card.version}"


def _what(card: ModelCard, language: Language) -> Section:
    whom = _name(card.population, card.population_label, language)
    target = f"{card.target_label.in_language(language)} ({card.target})"
    everybody = _say(language, zh="所有客户", en="every customer")
    said = _say(
        language,
        zh=f"预测：{target}；对象：{whom or everybody}。得分是校准后的概率。",
        en=f"Foretells: {target}, of {whom or everybody}. A score is a calibrated probability.",
    )
    answers = _say(language, zh=f"负责人：{card.owner or '—'}。", en=f"Answered for by: {card.owner or '—'}.")
    return Section(key="what", title=_say(language, zh="用途", en="What it is for"), sentences=(said, answers))


def _parts(card: ModelCard, language: Language) -> Section:
    head = _say(
        language, zh="用于|截至日|行数|正例|留给另一部分|标签未知", en="used for|as of|rows|positive|left out|no label"
    )
    words = {"training": Label(zh="训练", en="training"), "validation": Label(zh="验证", en="validation")}
    rows = tuple(
        (
            words[part.use].in_language(language),
            part.as_of.isoformat(),
            *(f"{number:,}" for number in (part.rows, part.positives, part.left_out, part.without_label)),
        )
        for part in card.judgement.parts
    )
    sentences = [_overlap(card, language)]
    sentences.append(
        _say(
            language,
            zh="验证部分按抽签分为两半，各由另一半拟合的校准器打分后评判；交付的校准器用两半一起拟合。",
            en="The validation part is drawn into two halves; each is judged by a calibrator fitted on the other. "
            "The calibrator delivered is fitted on both.",
        )
    )
    return Section(
        key="parts",
        title=_say(language, zh="从哪些数据学习", en="What it learned from"),
        sentences=tuple(sentences),
        tables=(Table(head=tuple(head.split("|")), rows=rows, texts=2),),
    )


def _overlap(card: ModelCard, language: Language) -> str:
    if not card.overlapping:
        return _say(
            language,
            zh="每个训练日的标签在验证日之前均已知，因此所有客户两部分都用。",
            en="Every training day's label was known before the validation day, so all customers are in both parts.",
        )
    days = ", ".join(day.isoformat() for day in card.overlapping)
    return _say(
        language,
        zh=f"训练日 {days} 的标签在验证日尚未全部知晓，两者看到同一段未来；"
        "故抽签留出一半客户只作验证，任何一天都不参与训练。"
        f"评判的是从未见过的客户，而不是当天就能拥有的模型：标签直到 {card.labels_until} 才完整。",
        en=f"The labels of the training days {days} were not fully known on the validation day: both look at the same "
        "future. So half of the customers, drawn by their ids, are left to validation and learned from on no day. What "
        "is judged is how it does on customers it has never seen, not a model that anybody could have had on that day: "
        f"the labels were complete on {card.labels_until} only.",
    )


def _performance(card: ModelCard, language: Language) -> Section:
    judgement = card.judgement
    head = _say(language, zh="指标|本模型|逻辑回归|不看特征", en="measure|this model|logistic regression|no features")
    rate = judgement.base_rate
    none = ("0.500", f"{rate:.3f}", f"{rate * (1 - rate):.4f}", _entropy(rate), "", *("1.0" for _ in range(3)))
    rows = tuple(
        (name, mine, other, nothing)
        for (name, mine), (_, other), nothing in zip(
            _measures(judgement.model, language), _measures(judgement.baseline, language), none, strict=True
        )
    )
    advantage = judgement.advantage
    shown = _range(advantage, 3)
    if advantage.low > 0:
        verdict = _say(language, zh="优于逻辑回归", en="It is better than the logistic regression")
    elif advantage.high < 0:
        verdict = _say(language, zh="不如逻辑回归", en="It is worse than the logistic regression")
    else:
        verdict = _say(
            language,
            zh="未见与逻辑回归可区分的差别",
            en="It cannot be told from the logistic regression",
        )
    said = _say(
        language, zh=f"{verdict}：AUC 之差 {shown}。", en=f"{verdict}: the difference of their AUCs is {shown}."
    )
    how = _say(
        language,
        zh="在验证部分上评判；方括号为 95% 区间（对客户自助抽样 1,000 次的分位数）。逻辑回归用同样的特征、同样的校准。",
        en="Judged on the validation part; in brackets the 95 % interval (percentiles of 1,000 bootstrap resamples of "
        "customers). The logistic regression has the same features and the same calibration.",
    )
    title = _say(language, zh="效果", en="How well it does")
    return Section(
        key="performance", title=title, sentences=(said, how), tables=(Table(head=tuple(head.split("|")), rows=rows),)
    )


def _measures(one: Performance, language: Language) -> list[tuple[str, str]]:
    lift = _say(language, zh="得分最高 {share:.0%} 的提升度", en="lift in the top {share:.0%}")
    return [
        ("AUC", _range(one.auc, 3)),
        (_say(language, zh="平均精度", en="average precision"), _range(one.average_precision, 3)),
        (_say(language, zh="Brier 分数", en="Brier score"), _range(one.brier, 4)),
        (_say(language, zh="对数损失", en="log loss"), _range(one.log_loss, 4)),
        (_say(language, zh="校准误差", en="calibration error"), f"{one.calibration_error:.4f}"),
        *((lift.format(share=entry.share), _range(entry.lift, 1)) for entry in one.lifts),
    ]


def _calibration(card: ModelCard, language: Language) -> Section:
    judgement = card.judgement
    head = _say(language, zh="十分位|客户|预测|实际|95% 区间", en="tenth|customers|foretold|came true|95 % interval")
    rows = tuple(
        (
            str(number),
            f"{row.rows:,}",
            f"{row.foretold:.1%}",
            f"{row.observed.value:.1%}",
            f"{row.observed.low:.1%} – {row.observed.high:.1%}",
        )
        for number, row in enumerate(judgement.calibration, start=1)
    )
    error, chance = judgement.model.calibration_error, judgement.error_by_chance
    within = error <= chance
    said = _say(
        language,
        zh=f"校准误差 {error:.4f}；同样人数下，完全校准的模型有 95% 不超过 {chance:.4f}："
        f"{'未见偏离' if within else '有偏离'}。",
        en=f"The calibration error is {error:.4f}; 19 of 20 perfectly calibrated models stay under {chance:.4f} on "
        f"that many customers: {'no deviation is seen' if within else 'it deviates'}.",
    )
    title = _say(language, zh=f"校准（{card.calibration}）", en=f"Calibration ({card.calibration})")
    return Section(
        key="calibration", title=title, sentences=(said,), tables=(Table(head=tuple(head.split("|")), rows=rows),)
    )


def _features(card: ModelCard, language: Language) -> Section:
    head = _say(
        language,
        zh="特征|名称|类型|数据类别|来源列|增益|平均 SHAP|有值",
        en="feature|label|type|data classes|source columns|gain|mean SHAP|known",
    )
    uses = {use.name: use for use in card.features}
    rows = tuple(
        (
            one.feature,
            uses[one.feature].label.in_language(language),
            uses[one.feature].type,
            ", ".join(uses[one.feature].data_classes) or "—",
            ", ".join(uses[one.feature].columns),
            f"{one.gain:.1%}",
            f"{one.shap:.3f}",
            f"{one.known:.0%}",
        )
        for one in card.judgement.importances
    )
    said = _say(
        language,
        zh="增益：占全部分裂增益的比例；SHAP：对数几率上的平均绝对贡献（验证部分）。两者说明模型如何打分，不说明因果。",
        en="Gain: the share of the gain of all splits. SHAP: the mean absolute contribution in log-odds on the "
        "validation part. Both say how the model scores, not what causes what.",
    )
    title = _say(language, zh="特征", en="Features")
    return Section(
        key="features",
        title=title,
        sentences=(said,),
        tables=(Table(head=tuple(head.split("|")), rows=rows, texts=5),),
    )


def _groups(card: ModelCard, language: Language) -> Section:
    head = _say(language, zh="特征|取值|客户|预测|实际|AUC", en="feature|value|customers|foretold|came true|AUC")
    rows = tuple(
        (
            row.feature,
            row.value,
            f"{row.rows:,}",
            f"{row.foretold:.1%}",
            f"{row.observed:.1%}",
            "" if row.auc is None else f"{row.auc:.3f}",
        )
        for row in card.judgement.groups
    )
    said = _say(
        language,
        zh="按是否型特征与取值很少的文字特征分组；人数太少的组不列。",
        en="By true-or-false features and those of few words; small groups are left out.",
    )
    if not rows:
        said = _say(language, zh="没有可分组的特征。", en="No feature divides customers into a few groups.")
    tables = (Table(head=tuple(head.split("|")), rows=rows, texts=2),) if rows else ()
    return Section(key="groups", title=_say(language, zh="分组表现", en="By group"), sentences=(said,), tables=tables)


def _limits(card: ModelCard, language: Language) -> Section:
    purposes = ", ".join(Purpose[name.upper()].label.in_language(language) for name in card.purposes)
    sensitive = [name for name in card.data_classes if DataClass[name.upper()] in SENSITIVE]
    sentences = [
        _say(
            language,
            zh=f"其数据可用于：{purposes or '无'}；不得用于其他目的。",
            en=f"Its data may serve: {purposes or 'nothing'}; it must not be used for anything else.",
        ),
        _say(
            language,
            zh="不得用于授信、定价或拒绝服务：它预测客户会做什么，不判断客户应得什么。",
            en="Not for granting credit, setting prices or refusing service: it foretells what customers do, not what "
            "they deserve.",
        ),
        _say(
            language,
            zh="不得用于对象之外的客户；那里没有得分。",
            en="Not for anybody outside its population: there is no score.",
        ),
        _say(
            language,
            zh="得分高不等于联系有用：它不知道联系会改变什么；那由对照组衡量。",
            en="A high score does not say that contacting helps: what a contact changes is measured against a "
            "hold-out.",
        ),
        _say(
            language,
            zh=f"不得给 {card.labels_until} 之前的日子打分（它已知其后发生的事）；{card.too_old_after} 之后视为过旧。",
            en=f"No score for a day before {card.labels_until}: it knows what happened until then. Too old after "
            f"{card.too_old_after}.",
        ),
    ]
    if sensitive:
        sentences.append(
            _say(
                language,
                zh=f"用到敏感类别 {', '.join(sensitive)}：用于营销须有单独同意。",
                en=f"Built on the sensitive classes {', '.join(sensitive)}: marketing with it takes separate consent.",
            )
        )
    title = _say(language, zh="不得用于", en="What it must not be used for")
    return Section(key="limits", title=title, sentences=tuple(sentences))


def _origin(card: ModelCard, language: Language) -> Section:
    head = _say(language, zh="|", en="|")
    known, at = (datetime_of(moment).strftime("%Y-%m-%d %H:%M UTC") for moment in (card.known_by, card.trained_at))
    judgement = card.judgement
    rows = (
        (_say(language, zh="训练于", en="trained"), f"{at}, {card.trained_by}"),
        (_say(language, zh="数据截至", en="from what was known by"), known),
        (
            _say(language, zh="学习器", en="learner"),
            f"LightGBM, {judgement.trees} × {judgement.leaves}, seed {card.seed}",
        ),
        (_say(language, zh="软件库", en="libraries"), ", ".join(f"{n} {v}" for n, v in card.libraries.items())),
        (_say(language, zh="定义", en="definition"), card.closure),
        (_say(language, zh="模型文件", en="artefact"), card.artefact),
        (_say(language, zh="运行", en="run"), card.run_id),
    )
    title = _say(language, zh="来历", en="Where it comes from")
    return Section(
        key="origin", title=title, sentences=(), tables=(Table(head=tuple(head.split("|")), rows=rows, texts=2),)
    )


def _name(name: str | None, label: Label | None, language: Language) -> str:
    return "" if name is None or label is None else f"{label.in_language(language)} ({name})"


def _say(language: Language, *, zh: str, en: str) -> str:
    return Label(zh=zh, en=en).in_language(language)


def _range(one: Interval, digits: int) -> str:
    return f"{one.value:.{digits}f} [{one.low:.{digits}f}, {one.high:.{digits}f}]"


def _entropy(rate: float) -> str:
    return f"{-(rate * log(rate) + (1 - rate) * log(1 - rate)):.4f}"
