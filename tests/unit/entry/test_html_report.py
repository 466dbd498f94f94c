"""The report: one file, the same bytes, every number beside its picture, and no number where nothing can be judged."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from html import unescape
from xml.parsers.expat import ParserCreate

import pytest
from rich.console import Console

from lingque.core.labels import LANGUAGES, Label, Language
from lingque.core.reasons import Reason, Refusal
from lingque.entry.report.amounts import Unit, short_money
from lingque.entry.report.html import render
from lingque.entry.report.page import NamedPart, Outcome, ReportPage, Signature, Spent, Step, Tally
from lingque.entry.report.writing import content_of
from lingque.entry.show_report import report
from lingque.measure.contracts import Effect, MeanEffect, Moments, Part, Profit, Proportion

EFFECT = Effect(
    contacted=Proportion(units=6_212, successes=671),
    held_out=Proportion(units=1_540, successes=108),
    difference=0.0379,
    low=0.0221,
    high=0.0521,
)
BALANCE = MeanEffect(
    contacted=Moments(units=6_212, total=6_212 * 8_412_300, squares=10**20),
    held_out=Moments(units=1_540, total=1_540 * 7_203_500, squares=10**20),
    difference=1_208_800.0,
    low=561_046.2,
    high=1_856_553.8,
)
TOO_FEW = Refusal(reason=Reason.TOO_FEW_UNITS, detail="13 customers contacted, at least 20 are needed")
DEPOSIT = Label(zh="六个月定期存款", en="6-month deposit")
EMAIL = Label(zh="电子邮件", en="e-mail")
PAGE = ReportPage(
    campaign="maturing_deposits",
    label=Label(zh="到期承接", en="Retention of maturing deposits"),
    digest="9f2c51ab77d0" + "0" * 52,
    as_of=date(2026, 6, 1),
    known_by=date(2026, 7, 3),
    phase="pilot",
    signatures=(Signature(act=Label(zh="审批", en="approved"), by="周正", at="2026-06-02 08:55"),),
    waterfall=(
        Step(label=Label(zh="名单", en="in the list"), count=10_000),
        Step(label=Label(zh="已同意", en="consented"), count=8_000),
        Step(label=Label(zh="被选中", en="chosen"), count=7_752),
        Step(label=Label(zh="留出", en="held out"), count=1_540, aside=True),
        Step(label=Label(zh="触达", en="contacted"), count=6_212),
        Step(label=Label(zh="送达", en="delivered"), count=6_034),
    ),
    refusals=(Tally(label=Reason.NO_CONSENT.label, count=2_000), Tally(label=Reason.UNDER_AGE.label, count=12)),
    main=Outcome(label=Label(zh="三十天内续存", en="renews within 30 days"), effect=EFFECT, truth=0.0341),
    further=(
        Outcome(label=Label(zh="月日均存款", en="monthly average balance"), effect=BALANCE, currency="CNY"),
        Outcome(label=Label(zh="月日均理财", en="monthly average of funds"), effect=TOO_FEW, currency="CNY"),
    ),
    currency="CNY",
    profit=Profit(cost=1_797_150, conversion_cost=0, expected=8_793_746, low=4_393_155, high=12_753_038),
    spent=(Spent(channel=EMAIL, sent=6_034, minor=1_797_150),),
    parts=(
        NamedPart(
            channel=EMAIL,
            offer=DEPOSIT,
            part=Part(
                channel="email", offer="d6", contacted=EFFECT.contacted, held_out=EFFECT.held_out, effect=EFFECT, cost=5
            ),
        ),
        NamedPart(
            channel=Label(zh="短信", en="text message"),
            offer=DEPOSIT,
            part=Part(
                channel="sms",
                offer="d6",
                contacted=Proportion(units=13, successes=1),
                held_out=Proportion(units=0, successes=0),
                effect=TOO_FEW,
                cost=0,
            ),
        ),
    ),
    fates=(
        Tally(label=Label(zh="已发送", en="sent"), count=6_034),
        Tally(label=Label(zh="未能送达", en="failed"), count=178),
    ),
    not_sent=(Tally(label=Reason.RECEIVER_REFUSED.label, count=178),),
)
UNJUDGED = replace(PAGE, main=replace(PAGE.main, effect=TOO_FEW), profit=None)
BARE = ReportPage(
    campaign="c", label=DEPOSIT, digest="0" * 64, as_of=date(2026, 6, 1), main=UNJUDGED.main, currency="CNY"
)


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Language:
    return request.param


@pytest.fixture(scope="module")
def html(language: Language) -> str:
    return render(PAGE, language)


def section(html: str, name: str) -> str:
    return html.split(f'<section id="{name}">')[1].split("</section>")[0]


def elements(picture: str) -> list[tuple[str, dict[str, str]]]:
    """All elements in order; raises where the picture is not XML."""
    found: list[tuple[str, dict[str, str]]] = []
    parser = ParserCreate()
    parser.StartElementHandler = lambda name, attributes: found.append((name, attributes))
    parser.Parse(picture, True)
    return found


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def printed(page: ReportPage, language: Language) -> str:
    console = Console(width=120, force_terminal=False)
    with console.capture() as caught:
        console.print(report(page, language))
    return caught.get()


def test_it_reaches_for_nothing_and_runs_nothing(html: str) -> None:
    addresses = set(re.findall(r"https?://[^\s\"'<]+", html))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}, "names of formats only"
    assert not re.search(r"<script|<link|<img|<iframe|\son\w+=|@import|url\((?!#)|\bsrc=", html)
    assert "default-src 'none'" in html


def test_the_same_page_is_the_same_bytes(html: str, language: Language) -> None:
    assert render(PAGE, language) == html
    assert render(replace(PAGE, digest="1" * 64), language) != html


def test_every_picture_is_described_and_every_id_is_its_own(html: str) -> None:
    pictures = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(pictures) == 8
    for picture in pictures:
        (root, attributes), (title, of_title), (description, of_description) = elements(picture)[:3]
        assert (root, title, description) == ("svg", "title", "desc")
        assert attributes["role"] == "img"
        assert attributes["aria-labelledby"] == f"{of_title['id']} {of_description['id']}"
        assert re.search(r"<title[^>]*>[^<]+</title><desc[^>]*>[^<]+</desc>", picture)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_beside_every_picture_stands_its_table(html: str) -> None:
    for name in ("reach", "refusals", "effect", "further", "profit", "parts", "fates"):
        part = section(html, name)
        assert "<svg" in part
        assert "<table>" in part
        assert part.count('<th scope="col"') >= 2
        assert part.count('<th scope="row"') >= 2


def test_words_stand_in_the_picture_as_words(html: str, language: Language) -> None:
    picture = re.findall(r"<svg.*?</svg>", section(html, "reach"), re.DOTALL)[0]
    words = re.findall(r"<text[^>]*>([^<]*)</text>", picture)
    label = "已同意" if language == "zh" else "Consented"
    assert words[words.index(label) + 1 :][:2] == ["8,000", "-2,000"]
    assert "@" not in "".join(words)
    assert "DejaVu" not in html


def test_what_was_left_and_lost_at_each_step(html: str) -> None:
    rows = re.findall(r"<tr>(.*?)</tr>", section(html, "reach"), re.DOTALL)[1:]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    assert [row[1:] for row in cells] == [
        ["10,000", "", "100.0%"], ["8,000", "-2,000", "80.0%"], ["7,752", "-248", "77.5%"],
        ["1,540", "", "15.4%"], ["6,212", "", "62.1%"], ["6,034", "-178", "60.3%"],
    ]  # fmt: skip


@pytest.mark.parametrize("shown", [lambda page, language: text_of(render(page, language)), printed])
def test_page_and_terminal_say_the_same_numbers(shown, language: Language) -> None:
    told = shown(PAGE, language)
    told_zh = {
        "+3.79 个百分点（+2.21 至 +5.21 个百分点）", "+12,088 元（+5,610 至 +18,566 元）", "7,509.07 万元",
        "87,937.46 元", "17,971.50 元", "4.9 倍", "10.80%（10.05% 至 11.60%）", "样本量不足",
        "◆ +3.41 个百分点", "试点", "周正",
    }  # fmt: skip
    told_en = {
        "+3.79 pp (+2.21 to +5.21 pp)", "+12,088 CNY (+5,610 to +18,566 CNY)", "75.09 m CNY",
        "87,937.46 CNY", "17,971.50 CNY", "4.9 ×", "10.80% (10.05% to 11.60%)", "too few customers",
        "◆ +3.41 pp", "pilot", "周正",
    }  # fmt: skip
    for words in told_zh if language == "zh" else told_en:
        assert words in told, words


@pytest.mark.parametrize("shown", [lambda page, language: text_of(render(page, language)), printed])
def test_what_cannot_be_judged_is_told_with_its_reason_and_without_a_number(shown, language: Language) -> None:
    told = shown(UNJUDGED, language)
    assert TOO_FEW.reason.label.in_language(language) in told
    assert TOO_FEW.detail in " ".join(told.split())
    assert "3.79" not in told.split("6,212")[0]
    assert "87,937.46" not in told
    assert "17,971.50" in told, "what was spent is known all the same"
    assert "◆" not in told


def test_truth_is_shown_only_where_it_is_known(language: Language) -> None:
    unknown = replace(PAGE, main=replace(PAGE.main, truth=None))
    assert "◆" not in render(unknown, language)
    assert "◆" not in printed(unknown, language)


def test_a_page_that_knows_little_is_whole(language: Language) -> None:
    assert [one.name for one in content_of(BARE, language).sections] == ["effect"]
    assert DEPOSIT.in_language(language) in render(BARE, language)
    assert DEPOSIT.in_language(language) in printed(BARE, language)


def test_a_name_is_text_and_never_markup(language: Language) -> None:
    nasty = Label(zh='<b>"&到期</b>', en='<b>"&due</b>')
    page = replace(
        PAGE, label=nasty, refusals=(Tally(label=nasty, count=3),), further=(replace(PAGE.further[0], label=nasty),)
    )
    html = render(page, language)
    assert "<b>&" not in html
    assert '<b>"' not in html
    assert nasty.in_language(language) in text_of(html)
    for picture in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        assert elements(picture)


def test_a_mean_is_not_a_main_outcome() -> None:
    with pytest.raises(ValueError, match="true or false"):
        replace(PAGE, main=PAGE.further[0])


@pytest.mark.parametrize(
    ("minor", "currency", "zh", "en"),
    [
        (123_456, "CNY", "1,235 元", "1,235 CNY"),
        (-8_793_746, "CNY", "-8.79 万元", "-87,937 CNY"),
        (750_906_600_00, "CNY", "7.51 亿元", "750.91 m CNY"),
        (1_500_000, "JPY", "150.00 万 JPY", "1.50 m JPY"),
        (0, "CZK", "0 CZK", "0 CZK"),
    ],
)
def test_amounts_for_a_glance(minor: int, currency: str, zh: str, en: str) -> None:
    assert (short_money(minor, currency, "zh"), short_money(minor, currency, "en")) == (zh, en)


@pytest.mark.parametrize(
    ("unit", "value", "change"),
    [
        (Unit(language="en", is_rate=True), -0.0125, "-1.25 pp"),
        (Unit(language="en", currency="CNY"), 1_208_849.6, "+12,088 CNY"),
        (Unit(language="zh", currency="CNY"), -35.4, "-0.35 元"),
        (Unit(language="en", currency="JPY"), 12.0, "+12 JPY"),
        (Unit(language="zh"), 0.333, "+0.33"),
    ],
)
def test_differences_are_written_with_their_sign(unit: Unit, value: float, change: str) -> None:
    assert unit.change(value) == change


def test_the_picture_of_an_interval_shows_where_zero_and_truth_are() -> None:
    (line,) = (line for line in printed(PAGE, "en").splitlines() if "◆" in line and "├" in line)
    low, truth, point, high = (line.index(mark) for mark in "├◆●┤")
    assert line.index("0") < low < truth < point < high
    scale = (high - line.index("0")) / 0.0521
    assert truth - line.index("0") == pytest.approx(0.0341 * scale, abs=1)


def test_a_terminal_of_eighty_columns_keeps_effect_verdict_and_truth_on_their_lines() -> None:
    console = Console(width=78, force_terminal=False)
    with console.capture() as caught:
        console.print(report(PAGE, "en"))
    lines = [line.strip() for line in caught.get().splitlines()]
    assert "effect +3.79 pp, 95 % interval +2.21 pp to +5.21 pp" in lines
    assert "an effect is shown (the interval leaves zero out)" in lines
    assert "true effect (known only of a simulated bank) ◆ +3.41 pp" in lines
