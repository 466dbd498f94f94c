"""How else a Chinese name is written: in traditional characters, in pinyin, cut short."""

from __future__ import annotations

SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红玲芬燕彬凯浩宇欣怡梓涵子轩雨晨思佳嘉"

_TRADITIONAL = str.maketrans(
    "张刘陈杨黄赵吴孙马罗郑谢许韩冯邓伟静丽强军艳杰涛刚华红凯轩",
    "張劉陳楊黃趙吳孫馬羅鄭謝許韓馮鄧偉靜麗強軍艷傑濤剛華紅凱軒",
)
_SYLLABLES = (
    "wang li zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he gao lin luo zheng liang xie song tang xu "
    "han feng deng cao "
    "wei fang na min jing li qiang lei jun yang yong yan jie juan tao ming chao xiu xia ping gang gui ying hua yu ping "
    "hong ling fen yan bin kai hao yu xin yi zi han zi xuan yu chen si jia jia"
)
_PINYIN = dict(zip(SURNAMES + GIVEN, _SYLLABLES.split(), strict=True))


def traditional(name: str) -> str:
    """As in Hong Kong or on old papers; the same where no character differs."""
    return name.translate(_TRADITIONAL)


def pinyin(name: str) -> str:
    """As on a card or a passport: the surname first, the given name as one word, without tones."""
    return f"{_PINYIN[name[0]]} {''.join(_PINYIN[one] for one in name[1:])}".upper()


def without_middle(name: str) -> str:
    """The surname and the last character."""
    return name[0] + name[-1]
