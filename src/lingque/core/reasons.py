"""Why something was refused: a closed, numbered registry, and the value that carries it.

A number, once given, keeps its meaning for ever: it stands in decision logs that must still be readable
in ten years. New reasons get new numbers; none is ever reused (`tests/unit/core/test_registries.py` holds them).
The hundreds tell the stage: 1 govern, 2 decide, 3 engage, 4 deliver, 5 measure, 6 ingest.
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

    NOT_ELIGIBLE = 201
    ELIGIBILITY_UNKNOWN = 202
    OFFER_NOT_VALID = 203
    NOT_REACHABLE = 204
    NO_VALUE = 205
    HELD_OUT = 206
    BETTER_OFFER = 207

    NOT_APPROVED = 301
    OWN_WORK = 302
    CHANGED_SINCE_PLAN = 303
    WRONG_STATE = 304
    ROLE_NOT_ALLOWED = 305
    REJECTED = 306

    RECEIVER_REFUSED = 401
    FATE_UNKNOWN = 402
    ADDRESS_MISSING = 403

    TOO_FEW_UNITS = 501
    SAMPLE_RATIO_MISMATCH = 502
    OUTCOME_NOT_YET_KNOWN = 503
    NO_VARIATION = 504

    MISSING_VALUE = 601
    NOT_A_DATE = 602
    NOT_AN_INTEGER = 603
    NOT_MONEY = 604
    NOT_A_BOOLEAN = 605
    VALUE_NOT_ALLOWED = 606
    DUPLICATE_KEY = 607
    UNKNOWN_REFERENCE = 608
    NOT_AN_ADDRESS = 609

    @property
    def label(self) -> Label:
        return REASON_LABELS[self]


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
    Reason.NOT_ELIGIBLE: Label(zh="不符合准入条件", en="not eligible for the offer"),
    Reason.ELIGIBILITY_UNKNOWN: Label(zh="准入条件无法判断", en="eligibility cannot be judged: a value is missing"),
    Reason.OFFER_NOT_VALID: Label(zh="产品不在有效期内", en="the offer is not valid on that day"),
    Reason.NOT_REACHABLE: Label(zh="该渠道无法触达", en="cannot be reached on this channel"),
    Reason.NO_VALUE: Label(zh="预期价值不为正", en="the expected value is not positive"),
    Reason.HELD_OUT: Label(zh="对照组（不触达）", en="held out, to measure the effect"),
    Reason.BETTER_OFFER: Label(zh="另一方案更优", en="another offer is worth more"),
    Reason.NOT_APPROVED: Label(zh="尚未审批", en="not approved yet"),
    Reason.OWN_WORK: Label(zh="不得审批本人提交的内容", en="nobody approves their own work"),
    Reason.CHANGED_SINCE_PLAN: Label(zh="方案在编制后已变更", en="something changed since it was planned"),
    Reason.WRONG_STATE: Label(zh="当前状态不允许该操作", en="not possible in its present state"),
    Reason.ROLE_NOT_ALLOWED: Label(zh="角色无此权限", en="the role does not allow it"),
    Reason.REJECTED: Label(zh="审批未通过", en="rejected by the approver"),
    Reason.RECEIVER_REFUSED: Label(zh="接收方拒收", en="the receiver refused the message"),
    Reason.FATE_UNKNOWN: Label(zh="发送结果未知", en="it is not known whether the message arrived"),
    Reason.ADDRESS_MISSING: Label(zh="没有联系地址", en="there is no address"),
    Reason.TOO_FEW_UNITS: Label(zh="样本量不足", en="too few customers to judge"),
    Reason.SAMPLE_RATIO_MISMATCH: Label(zh="分组比例异常", en="the groups are not split as they were drawn"),
    Reason.OUTCOME_NOT_YET_KNOWN: Label(zh="观察期未结束", en="the outcome window is not over yet"),
    Reason.NO_VARIATION: Label(
        zh="结果没有差异，无法估计区间", en="the outcome does not vary, so there is no interval"
    ),
    Reason.MISSING_VALUE: Label(zh="缺少必填值", en="a required value is missing"),
    Reason.NOT_A_DATE: Label(zh="不是日期", en="not a date (YYYY-MM-DD)"),
    Reason.NOT_AN_INTEGER: Label(zh="不是整数", en="not a whole number"),
    Reason.NOT_MONEY: Label(zh="不是金额", en="not an amount of that currency"),
    Reason.NOT_A_BOOLEAN: Label(zh="不是布尔值", en="neither true nor false"),
    Reason.VALUE_NOT_ALLOWED: Label(zh="取值不在允许范围", en="not one of the allowed values"),
    Reason.DUPLICATE_KEY: Label(zh="主键重复且内容不一致", en="two rows with one key and different content"),
    Reason.UNKNOWN_REFERENCE: Label(zh="引用的记录不存在", en="refers to a row that was never delivered"),
    Reason.NOT_AN_ADDRESS: Label(zh="不是有效的电子邮件地址", en="not an e-mail address"),
}


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Something was not done, and why. A value: returned, logged and shown, never raised."""

    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.reason.name}: {self.detail}"
