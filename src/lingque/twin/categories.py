"""What is booked on a current account, and to whom the money goes."""

from __future__ import annotations

# of one day, bookings are made in this order: money comes in before it is spent
CREDITS = (
    "opening",
    "salary",
    "pension",
    "transfer_in",
    "deposit_matured",
    "wealth_redeemed",
    "loan_payout",
    "interest",
    "top_up",
)
MANDATES = ("utilities", "telecom", "rent")
SPENDING = (
    "groceries",
    "dining",
    "transport",
    "online_shopping",
    "clothing",
    "electronics",
    "entertainment",
    "travel",
    "housing",
    "education",
    "medical",
    "home_improvement",
    "car",
    "transfer_out",
)
CATEGORIES = (
    *CREDITS,
    *("term_deposit", "wealth_purchase", "departure", "loan_repayment", "card_repayment"),
    *MANDATES,
    *SPENDING,
)
POSITION = {name: number for number, name in enumerate(CATEGORIES)}

UNCLASSIFIED = "unclassified"
CODES = {"top_up": "transfer_in", "departure": "transfer_out"}
"""What the bank cannot tell apart bears one code."""

MERCHANTS: dict[str, tuple[str, ...]] = {
    "opening": ("期初余额",),
    "salary": ("代发工资",),
    "pension": ("养老金发放",),
    "transfer_in": ("家人转入", "他行转入"),
    "deposit_matured": ("定期到期转活",),
    "wealth_redeemed": ("理财赎回",),
    "loan_payout": ("贷款放款",),
    "interest": ("结息",),
    "top_up": ("他行转入",),
    "term_deposit": ("转存定期",),
    "wealth_purchase": ("申购理财",),
    "departure": ("跨行转出",),
    "loan_repayment": ("贷款还款",),
    "card_repayment": ("信用卡还款",),
    "utilities": ("水电燃气代扣",),
    "telecom": ("话费代扣",),
    "rent": ("房租代扣",),
    "groceries": ("惠民超市", "社区生鲜店", "便利小铺", "菜篮子市场"),
    "dining": ("老街面馆", "江边火锅", "早安咖啡", "家常小炒"),
    "transport": ("地铁公交", "网约车", "共享单车"),
    "online_shopping": ("快捷支付 优选商城", "快捷支付 闪购", "快捷支付 直播小店"),
    "clothing": ("云裳服饰", "青禾童装", "步步鞋城"),
    "electronics": ("光年数码", "家电广场"),
    "entertainment": ("星河影城", "欢唱空间", "视频会员"),
    "travel": ("铁路购票", "机票预订", "城市酒店"),
    "housing": ("物业费", "家政服务"),
    "education": ("培训学校", "书店", "学费"),
    "medical": ("市立医院", "药房"),
    "home_improvement": ("建材城", "整装设计", "家居广场"),
    "car": ("汽车销售", "加油站", "汽车维修"),
    "transfer_out": ("转账汇款", "转入电子钱包", "跨行转出"),
    UNCLASSIFIED: ("待分类",),
}
"""Made up, as are all names of the simulated bank."""
