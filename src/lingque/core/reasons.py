"""Why something was refused: a closed, numbered registry, and the value that carries it.

A number, once given, keeps its meaning for ever: it stands in decision logs that must still be readable
in ten years. New reasons get new numbers; none is ever reused (`tests/unit/core/test_registries.py` holds them).
The hundreds tell the stage: 1 govern, 2 decide, 3 engage, 4 deliver, 5 measure, 6 ingest, 7 predict.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from lingque.core.labels import Label


class Reason(IntEnum):
    """Why not. `label` says it to people."""

    NO_CONSENT = 101
    CONSENT_WITHDRAWN = 102
    CONSENT_EXPIRED = 103
    NO_CONSENT_FOR_DATA_CLASS = 104
    UNDER_AGE = 106
    AGE_UNKNOWN = 107
    UNKNOWN_CUSTOMER = 108
    ON_EXCLUSION_LIST = 109
    COMPLIANCE_EXCLUSION = 110
    QUIET_HOURS = 111
    KEPT_BY_LAW = 112
    AUTOMATED_DECISION_REFUSED = 121
    NO_GUARDIAN_CONSENT = 122
    TAG_REFUSED = 123
    OUTSIDE_SCOPE = 124
    ROLES_DO_NOT_FIT = 125
    PASSWORD_TOO_WEAK = 126
    SIGN_IN_FAILED = 127
    CONSENT_REQUIRED = 128
    NOT_A_TREE = 129
    APPROVAL_EXPIRED = 130
    REQUEST_TOO_LARGE = 131
    PURPOSE_NOT_ALLOWED = 161

    NOT_ELIGIBLE = 201
    ELIGIBILITY_UNKNOWN = 202
    OFFER_NOT_VALID = 203
    NOT_REACHABLE = 204
    NO_VALUE = 205
    HELD_OUT = 206
    BETTER_OFFER = 207
    CONTACT_CAP = 208
    NO_CAPACITY = 209
    RISK_GRADE_TOO_HIGH = 210
    ASSESSMENT_MISSING = 211
    ASSESSMENT_EXPIRED = 212
    TOO_RISKY_AT_THIS_AGE = 213
    OUT_OF_STOCK = 214
    BUDGET_SPENT = 215
    CONTACTED_LATELY = 216
    REFUSED_LATELY = 217
    BOUGHT_LATELY = 218
    EXCLUDED_BY_HOLDING = 219
    NEEDS_HOLDING = 220
    SUPERSEDED = 221
    BENEFIT_WITH_DEPOSIT = 222
    SCORE_MISSING = 223
    NOT_NEEDED = 224
    NOT_AFFORDABLE = 225
    STUDENT = 226
    BANK_POLICY = 227
    DRAWN_INSTEAD = 228
    NOT_ALLOTTED = 229
    NO_HOURS = 230

    NOT_APPROVED = 301
    OWN_WORK = 302
    CHANGED_SINCE_PLAN = 303
    WRONG_STATE = 304
    ROLE_NOT_ALLOWED = 305
    REJECTED = 306
    NOT_REVIEWED = 307
    PILOT_NOT_APPROVED = 308
    NOT_DUE = 309
    LIMITS_CONTRADICT = 310
    MORE_APPROVALS_NEEDED = 321
    NOT_DELEGATED = 322

    RECEIVER_REFUSED = 401
    FATE_UNKNOWN = 402
    ADDRESS_MISSING = 403
    DECLINED = 404
    NOT_DONE_IN_TIME = 405
    CAMPAIGN_STOPPED = 406
    RECEIVER_OPTED_OUT = 407

    TOO_FEW_UNITS = 501
    SAMPLE_RATIO_MISMATCH = 502
    OUTCOME_NOT_YET_KNOWN = 503
    NO_VARIATION = 504
    NO_OVERLAP = 505

    MISSING_VALUE = 601
    NOT_A_DATE = 602
    NOT_AN_INTEGER = 603
    NOT_MONEY = 604
    NOT_A_BOOLEAN = 605
    VALUE_NOT_ALLOWED = 606
    DUPLICATE_KEY = 607
    UNKNOWN_REFERENCE = 608
    NOT_AN_ADDRESS = 609
    NOT_A_NUMBER = 610
    NOT_A_TIMESTAMP = 611
    UPSTREAM_LATE = 612
    QUALITY_BELOW_GATE = 613

    TOO_FEW_EXAMPLES = 701
    LABEL_NOT_YET_KNOWN = 702
    MODEL_NOT_TRAINED = 703
    MODEL_TOO_OLD = 704

    @property
    def label(self) -> Label:
        return REASON_LABELS[self]

    @property
    def for_customer(self) -> Reason:
        """As the customer, and whoever may not see compliance's reasons, is told: a secret one reads as any other."""
        return Reason.ON_EXCLUSION_LIST if self is Reason.COMPLIANCE_EXCLUSION else self


REASON_LABELS: dict[Reason, Label] = {
    Reason.NO_CONSENT: Label(zh="未取得该渠道的营销同意", en="no consent to this purpose on this channel"),
    Reason.CONSENT_WITHDRAWN: Label(zh="已撤回同意", en="consent was withdrawn"),
    Reason.CONSENT_EXPIRED: Label(zh="同意已过期", en="consent has expired"),
    Reason.NO_CONSENT_FOR_DATA_CLASS: Label(
        zh="缺少对敏感数据类别的单独同意", en="no separate consent to the sensitive data this uses"
    ),
    Reason.UNDER_AGE: Label(zh="未满18周岁", en="under 18"),
    Reason.AGE_UNKNOWN: Label(zh="年龄未知", en="age is not known"),
    Reason.UNKNOWN_CUSTOMER: Label(zh="查无此客户", en="no such customer"),
    Reason.ON_EXCLUSION_LIST: Label(zh="在排除名单中", en="on an exclusion list"),
    Reason.COMPLIANCE_EXCLUSION: Label(zh="合规排除", en="excluded by compliance"),
    Reason.QUIET_HOURS: Label(zh="免打扰时段", en="quiet hours"),
    Reason.KEPT_BY_LAW: Label(zh="依法须保留", en="a law demands that it is kept"),
    Reason.AUTOMATED_DECISION_REFUSED: Label(zh="客户拒绝自动化决策", en="the customer refuses automated decisions"),
    Reason.NO_GUARDIAN_CONSENT: Label(
        zh="未取得监护人同意（不满十四周岁）", en="under 14 without a guardian's consent"
    ),
    Reason.TAG_REFUSED: Label(zh="客户已删除所依据的标签", en="the customer deleted a tag that this rests on"),
    Reason.OUTSIDE_SCOPE: Label(
        zh="不在授权的机构或客户范围内", en="outside the organisation or customers one answers for"
    ),
    Reason.ROLES_DO_NOT_FIT: Label(zh="角色冲突或范围不符", en="roles that nobody may hold together, or not so far"),
    Reason.PASSWORD_TOO_WEAK: Label(zh="口令强度不足", en="the password is too weak"),
    Reason.SIGN_IN_FAILED: Label(zh="登录失败", en="the sign-in failed"),
    Reason.CONSENT_REQUIRED: Label(zh="依法须取得同意", en="the law asks for consent here, and nothing else will do"),
    Reason.NOT_A_TREE: Label(zh="机构数据不成树，沿用原机构树", en="places that are no tree; the one before stays"),
    Reason.APPROVAL_EXPIRED: Label(zh="授权已过期", en="what was approved is over"),
    Reason.REQUEST_TOO_LARGE: Label(zh="申请范围过大或为空", en="asks for too much, or for nothing"),
    Reason.PURPOSE_NOT_ALLOWED: Label(
        zh="数据类别或用途超出允许范围", en="data of a class, or for a purpose, that this is not for"
    ),
    Reason.NOT_ELIGIBLE: Label(zh="不符合准入条件", en="not eligible for the offer"),
    Reason.ELIGIBILITY_UNKNOWN: Label(zh="准入条件无法判断", en="eligibility cannot be judged: a value is missing"),
    Reason.OFFER_NOT_VALID: Label(zh="产品不在有效期内", en="the offer is not valid on that day"),
    Reason.NOT_REACHABLE: Label(zh="该渠道无法触达", en="cannot be reached on this channel"),
    Reason.NO_VALUE: Label(zh="预期价值不为正", en="the expected value is not positive"),
    Reason.HELD_OUT: Label(zh="对照组（不触达）", en="held out, to measure the effect"),
    Reason.BETTER_OFFER: Label(zh="另一方案更优", en="another offer is worth more"),
    Reason.CONTACT_CAP: Label(zh="触达频次已达上限", en="contacted often enough in this period"),
    Reason.NO_CAPACITY: Label(zh="渠道容量已用完", en="the channel's capacity is used up"),
    Reason.RISK_GRADE_TOO_HIGH: Label(zh="产品风险等级高于客户承受能力", en="riskier than the customer may be offered"),
    Reason.ASSESSMENT_MISSING: Label(zh="未做风险测评", en="no risk assessment"),
    Reason.ASSESSMENT_EXPIRED: Label(zh="风险测评已过期", en="the risk assessment has expired"),
    Reason.TOO_RISKY_AT_THIS_AGE: Label(zh="高龄客户不推介较高风险产品", en="too risky to be offered at this age"),
    Reason.OUT_OF_STOCK: Label(zh="库存已用完", en="nothing of it is left"),
    Reason.BUDGET_SPENT: Label(zh="预算已用完", en="the offer's budget is spent"),
    Reason.CONTACTED_LATELY: Label(zh="近期已推介过该产品", en="was proposed it lately"),
    Reason.REFUSED_LATELY: Label(zh="客户近期已拒绝该产品", en="refused it lately"),
    Reason.BOUGHT_LATELY: Label(zh="客户近期已办理该产品", en="took it up lately"),
    Reason.EXCLUDED_BY_HOLDING: Label(zh="与客户已有产品互斥", en="excluded by what the customer holds"),
    Reason.NEEDS_HOLDING: Label(zh="客户尚未持有所需的前置产品", en="needs a product that the customer does not hold"),
    Reason.SUPERSEDED: Label(zh="已被另一方案取代", en="another offer that may be made takes its place"),
    Reason.BENEFIT_WITH_DEPOSIT: Label(zh="权益不得与存款推介结合", en="benefits never go along with deposits"),
    Reason.SCORE_MISSING: Label(zh="缺少模型评分", en="the score that its value rests on is missing"),
    Reason.NOT_NEEDED: Label(zh="客户无该保障需求", en="the customer has no need of this cover, or none is known"),
    Reason.NOT_AFFORDABLE: Label(zh="超出客户缴费能力", en="costs more than the customer can pay, or nobody knows"),
    Reason.STUDENT: Label(zh="在校学生（或无法排除）不得营销贷款", en="a student, or not known to be none: no loans"),
    Reason.BANK_POLICY: Label(zh="不符合本行自定规则", en="refused by a policy of the bank's own"),
    Reason.DRAWN_INSTEAD: Label(zh="为学习效果随机选择了另一方案", en="chance chose another offer, to learn from it"),
    Reason.NO_HOURS: Label(zh="负责人员的工时已用完", en="whoever would make the contact has no hours left"),
    Reason.NOT_ALLOTTED: Label(
        zh="统筹规划未分给本活动", en="not given to this campaign where several were planned together"
    ),
    Reason.NOT_APPROVED: Label(zh="尚未审批", en="not approved yet"),
    Reason.OWN_WORK: Label(zh="不得审批本人提交的内容", en="nobody approves their own work"),
    Reason.CHANGED_SINCE_PLAN: Label(zh="方案在编制后已变更", en="something changed since it was planned"),
    Reason.WRONG_STATE: Label(zh="当前状态不允许该操作", en="not possible in its present state"),
    Reason.ROLE_NOT_ALLOWED: Label(zh="角色无此权限", en="the role does not allow it"),
    Reason.REJECTED: Label(zh="审批未通过", en="rejected by the approver"),
    Reason.NOT_REVIEWED: Label(zh="尚未通过消保审查", en="not reviewed for consumer protection yet"),
    Reason.PILOT_NOT_APPROVED: Label(zh="试点尚未评审", en="the pilot has not been approved yet"),
    Reason.NOT_DUE: Label(zh="未到执行日", en="not due on that day"),
    Reason.LIMITS_CONTRADICT: Label(zh="各项限制相互矛盾", en="limits that cannot be kept together"),
    Reason.MORE_APPROVALS_NEEDED: Label(zh="尚需其他审批人同意", en="another approver is needed besides"),
    Reason.NOT_DELEGATED: Label(zh="未获有效授权代办", en="nobody delegated this, or not for today"),
    Reason.RECEIVER_REFUSED: Label(zh="接收方拒收", en="the receiver refused the message"),
    Reason.FATE_UNKNOWN: Label(zh="发送结果未知", en="it is not known whether the message arrived"),
    Reason.ADDRESS_MISSING: Label(zh="没有联系地址", en="there is no address"),
    Reason.DECLINED: Label(zh="执行人员放弃联系", en="the person who was to do it declined"),
    Reason.NOT_DONE_IN_TIME: Label(zh="逾期未执行", en="not done in time"),
    Reason.CAMPAIGN_STOPPED: Label(zh="活动已终止", en="the campaign was stopped"),
    Reason.RECEIVER_OPTED_OUT: Label(zh="客户回复退订", en="the customer answered with an opt-out"),
    Reason.TOO_FEW_UNITS: Label(zh="样本量不足", en="too few customers to judge"),
    Reason.SAMPLE_RATIO_MISMATCH: Label(zh="分组比例异常", en="the groups are not split as they were drawn"),
    Reason.OUTCOME_NOT_YET_KNOWN: Label(zh="观察期未结束", en="the outcome window is not over yet"),
    Reason.NO_VARIATION: Label(
        zh="结果没有差异，无法估计区间", en="the outcome does not vary, so there is no interval"
    ),
    Reason.NO_OVERLAP: Label(
        zh="历史决策中几乎没有该策略的选择，无法评估", en="what was decided hardly speaks for that policy"
    ),
    Reason.MISSING_VALUE: Label(zh="缺少必填值", en="a required value is missing"),
    Reason.NOT_A_DATE: Label(zh="不是日期", en="not a date (YYYY-MM-DD)"),
    Reason.NOT_AN_INTEGER: Label(zh="不是整数", en="not a whole number"),
    Reason.NOT_MONEY: Label(zh="不是金额", en="not an amount of that currency"),
    Reason.NOT_A_BOOLEAN: Label(zh="不是布尔值", en="neither true nor false"),
    Reason.VALUE_NOT_ALLOWED: Label(zh="取值不在允许范围", en="not one of the allowed values"),
    Reason.DUPLICATE_KEY: Label(zh="主键重复且内容不一致", en="two rows with one key and different content"),
    Reason.UNKNOWN_REFERENCE: Label(zh="引用的记录不存在", en="refers to a row that was never delivered"),
    Reason.NOT_AN_ADDRESS: Label(
        zh="不是有效的电子邮件地址或电话号码",
        en="neither an e-mail address nor a telephone number, whichever it must be",
    ),
    Reason.NOT_A_NUMBER: Label(zh="不是数值", en="not a number"),
    Reason.NOT_A_TIMESTAMP: Label(zh="不是时间", en="not a time (YYYY-MM-DD HH:MM:SS)"),
    Reason.UPSTREAM_LATE: Label(zh="上游数据未到", en="the bank's files of that day have not come yet"),
    Reason.QUALITY_BELOW_GATE: Label(zh="数据质量低于门槛", en="the data's quality is below the gate"),
    Reason.TOO_FEW_EXAMPLES: Label(zh="训练样本不足", en="too few examples to learn from"),
    Reason.LABEL_NOT_YET_KNOWN: Label(zh="标签观察期未结束", en="the label is not known yet"),
    Reason.MODEL_NOT_TRAINED: Label(zh="模型尚未训练", en="the model has not been trained"),
    Reason.MODEL_TOO_OLD: Label(zh="模型已过期", en="the model is too old"),
}


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Something was not done, and why. A value: returned, logged and shown, never raised."""

    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.reason.name}: {self.detail}"
