"""The story step by step: the bank's files, who may be asked, one campaign, one customer, the effect, the truth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select

from lingque.bootstrap import Application
from lingque.core.errors import ConfigurationError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import Purpose
from lingque.deliver.tables import deliveries
from lingque.entry import show, show_model, show_plan, show_report, show_story, show_tag
from lingque.entry.demo.beside import calibration, calibration_table, compared, comparison_table
from lingque.entry.demo.telling import Teller
from lingque.entry.demo.world import CALL_DAYS, OUTCOME_DAYS, Sent, StoryClock, World, outcomes_in
from lingque.entry.report.filling import page_of
from lingque.entry.report.html import render
from lingque.flow.approving import approve_campaign, review_campaign
from lingque.flow.customer_files import CustomerFile
from lingque.flow.intake import apply, catalog_of, ingest, run_tags
from lingque.flow.learning import train_model
from lingque.flow.lists import upload_list
from lingque.flow.planning import plan_campaign
from lingque.flow.receipts import read_receipts
from lingque.flow.reporting import evaluate_campaign, report_campaign
from lingque.flow.running import run_campaign
from lingque.flow.services import Services
from lingque.flow.story import somebody, story_of
from lingque.govern.access import User, add_user
from lingque.govern.contracts import OptOut, Principal, Role
from lingque.ingest.contracts import IngestReport
from lingque.ingest.corrections import correct
from lingque.ingest.quality import release
from lingque.ingest.quarantine import Notes, counted_quarantine, reveal
from lingque.measure.contracts import Effect

T = TypeVar("T")

CAMPAIGN = "maturity_retention"
MODEL = "keeps_maturing_money"
SCORE, POPULATION = "keep_probability", "maturing"
REPORT_PAGE = Path("report.html")
PEOPLE = (
    User(name="otto", person="otto", roles=frozenset({Role.OPERATOR})),
    User(name="ada", person="ada", roles=frozenset({Role.ANALYST})),
    User(name="lan", person="lan", roles=frozenset({Role.CAMPAIGN_MANAGER})),
    User(name="hua", person="hua", roles=frozenset({Role.CONSUMER_PROTECTION_REVIEWER})),
    User(name="min", person="min", roles=frozenset({Role.COMPLIANCE_OFFICER})),
)


@dataclass(frozen=True, kw_only=True)
class Staff:
    """Who does what in the demo bank."""

    otto: Principal
    ada: Principal
    lan: Principal
    hua: Principal
    min: Principal


def tell_story(application: Application, world: World, clock: StoryClock, tell: Teller) -> None:
    """From the first file to the measured effect. What is refused on the way that must not be, ends it."""
    services = application.services
    staff = _staff(services)
    _files(services, application.vault, staff, world, tell)
    _lists(services, staff, world, tell)
    _tags_and_model(services, staff, world, tell)
    _plan(services, staff, world, tell)
    withdrawn = _run(services, staff, tell)
    _one_customer(services, staff, withdrawn, tell)
    _afterwards(services, staff, world, clock, tell)


def _files(services: Services, vault: Notes, staff: Staff, world: World, tell: Teller) -> None:
    tell.chapter(zh="一、银行的 T+1 文件", en="1. The bank's nightly files")
    with tell.step(zh="定义生效", en="apply definitions"):
        _done(apply(services, staff.otto))
    with tell.step(
        zh="载入：CSV、定长 GB18030、JSON Lines、Parquet，核对控制文件",
        en="load CSV, fixed width in GB18030, JSON Lines and Parquet; check control files",
    ):
        first = _ingest(services, staff.otto)
    tell.show(show.ingested(first, tell.language))
    with tell.step(zh="隔离区里更正一行金额，重放当天", en="correct one amount in quarantine, replay that day"):
        _correct_an_amount(services, vault, staff.otto)
        again = _ingest(services, staff.otto)
    tell.show(show.ingested([report for report in again if not report.already_done], tell.language))
    world.twin.write_resent(world.landing)
    with tell.step(
        zh="上游重送当天流水：只替换那一天", en="the day's transactions are sent again: exactly that day is replaced"
    ):
        again = _ingest(services, staff.otto)
    tell.show(show.ingested([report for report in again if not report.already_done], tell.language))


def _ingest(services: Services, actor: Principal) -> list[IngestReport]:
    return [_done(loaded) for loaded in ingest(services, actor)]


def _correct_an_amount(services: Services, vault: Notes, actor: Principal) -> None:
    """One amount carries the sign of its currency; whoever looks at the row can see what was meant."""
    contract = catalog_of(services).contracts["transactions"]
    with services.database.transaction() as connection:
        wrong = next(
            count
            for count in counted_quarantine(connection, source="core_transactions")
            if count.reason is Reason.NOT_MONEY
        )
        number, column = wrong.first_id, wrong.column
        shown = reveal(connection, number, contract, notes=vault, audit=services.audit, actor=actor.user)
        correct(
            connection,
            number,
            contract,
            {column: "".join(character for character in shown[column] if character in "-.0123456789")},
            notes=vault,
            audit=services.audit,
            actor=actor.user,
            at=services.clock.now(),
        )


def _lists(services: Services, staff: Staff, world: World, tell: Teller) -> None:
    tell.chapter(zh="二、名单", en="2. Lists")
    for name, file in (("open_complaints", "complaints.csv"), ("aml_watch", "aml_watch.csv")):
        source = CustomerFile(path=world.folder / "lists" / file, column="customer_no", system="core_banking")
        report = _done(upload_list(services, services.lists, name, source, staff.min, expires_on=None))
        tell.text(
            zh=f"✓ {name}：{report.rows} 行，匹配 {report.matched} 位客户，查无 {len(report.unknown)}，"
            f"重复 {len(report.repeated)}",
            en=f"✓ {name}: {report.rows} rows, {report.matched} customers matched, {len(report.unknown)} unknown, "
            f"{len(report.repeated)} repeated",
        )


def _tags_and_model(services: Services, staff: Staff, world: World, tell: Teller) -> None:
    tell.chapter(zh="三、标签与模型", en="3. Tags and a model")
    as_of = world.twin.parameters.as_of
    with tell.step(
        zh="训练「到期资金留存」模型（只用当时已知的数据，在更晚的日子上检验）",
        en="train the model of who keeps maturing money here (from what was known then, judged on a later day)",
    ):
        card = train_model(services, MODEL, staff.ada)
    if isinstance(card, Refusal):  # a small bank has too few customers to learn from; everything else goes on
        tell.text(zh=f"✋ {card.reason.label.zh}：{card.detail}", en=f"✋ {card.reason.label.en}: {card.detail}")
    else:
        tell.show(show_model.card(card, tell.language, keys=("performance",)))
    with tell.step(zh=f"计算 {as_of} 的标签", en=f"compute tags as of {as_of}"):
        snapshot = _done(run_tags(services, as_of, staff.ada))
    tell.show(show_tag.families(catalog_of(services), snapshot, tell.language))
    for note in snapshot.notes:
        tell.text(zh=f"  {note.tag}：{note.reason.label.zh}", en=f"  {note.tag}: {note.reason.label.en}")


def _plan(services: Services, staff: Staff, world: World, tell: Teller) -> None:
    tell.chapter(zh="四、到期承接：谁可以被联系", en="4. Keeping maturing deposits: who may be contacted")
    with tell.step(zh="编制方案（不发送、不花钱）", en="plan the campaign (nothing is sent, nothing is spent)"):
        plan = _done(plan_campaign(services, CAMPAIGN, world.twin.parameters.as_of, staff.lan))
    tell.show(show_plan.plan(plan, catalog_of(services), tell.language))
    own = approve_campaign(services, CAMPAIGN, staff.lan, digest=plan.digest)
    if isinstance(own, Refusal):
        tell.text(zh=f"✋ 策划人自己审批：{own.reason.label.zh}", en=f"✋ the planner approves: {own.reason.label.en}")
    _done(review_campaign(services, CAMPAIGN, staff.hua, digest=plan.digest, comment="披露齐全"))
    tell.text(zh="✓ 消保审查通过（hua）", en="✓ reviewed for consumer protection (hua)")
    _done(approve_campaign(services, CAMPAIGN, staff.min, digest=plan.digest))
    tell.text(zh=f"✓ 批准（min）：方案摘要 {plan.digest[:12]}", en=f"✓ approved (min): plan {plan.digest[:12]}")


def _run(services: Services, staff: Staff, tell: Teller) -> CustomerId | None:
    """Run it; the moment the first message is out, a customer whose own still waits withdraws her consent."""
    tell.chapter(zh="五、执行：邮件、短信、客户经理", en="5. Running it: mails, texts, relationship managers")
    withdrawn: list[CustomerId] = []

    def withdraw_once(_done_so_far: int) -> None:
        if withdrawn:
            return
        last = _last_in_queue(services)
        if last is not None:
            withdrawn.append(last.customer_id)
            with services.database.transaction() as connection:
                services.opt_outs.withdraw(connection, last, at=services.clock.now(), evidence="opt-out link")

    with tell.step(
        zh="执行已批准的方案，每条发送前再次核验许可", en="run what was approved; leave is asked again before each"
    ):
        fates = _done(run_campaign(services, CAMPAIGN, staff.lan, progress=withdraw_once))
    tell.show(show.fates(fates, tell.language))
    return withdrawn[0] if withdrawn else None


def _last_in_queue(services: Services) -> OptOut | None:
    with services.database.reading() as connection:
        row = connection.execute(
            select(deliveries)
            .where(deliveries.c.status == "queued", deliveries.c.channel == "email")
            .order_by(deliveries.c.delivery_id.desc())
        ).first()
    if row is None:
        return None
    return OptOut(customer_id=CustomerId(row.customer_id), purpose=Purpose(row.purpose), channel=row.channel)


def _one_customer(services: Services, staff: Staff, withdrawn: CustomerId | None, tell: Teller) -> None:
    tell.chapter(zh="六、一位客户的故事", en="6. One customer's story")
    catalog = catalog_of(services)
    contacted = somebody(services, CAMPAIGN, "contact")
    if contacted is not None:
        tell.text(zh="为什么是这个产品，为什么不是另一个：", en="Why this offer, and why not the other:")
        told = _done(story_of(services, CAMPAIGN, contacted, staff.min))
        tell.show(show_story.story(told, catalog, services.calendar, tell.language))
    if withdrawn is not None:
        tell.text(
            zh="另一位客户的邮件还在排队时，她点了退订：",
            en="While another customer's mail was still queued, she clicked the opt-out link:",
        )
        told = _done(story_of(services, CAMPAIGN, withdrawn, staff.min))
        tell.show(show_story.messages(told, services.calendar, tell.language))


def _afterwards(services: Services, staff: Staff, world: World, clock: StoryClock, tell: Teller) -> None:
    tell.chapter(zh="七、六十天后", en="7. Sixty days later")
    as_of, catalog = world.twin.parameters.as_of, catalog_of(services)
    sent = world.sent(catalog, CAMPAIGN, on=as_of)
    told_by = as_of + timedelta(days=CALL_DAYS)
    clock.move_to(told_by + timedelta(days=1))
    for file in (world.receipts("sms", sent, until=told_by), world.receipts("rm_call", sent, until=told_by)):
        taken = _done(read_receipts(services, file, staff.otto))
        if taken.problems:
            raise ConfigurationError(f"{file.name}: {taken.problems[0]}", next_step="please report this")
        counts = ", ".join(f"{outcome} {count}" for outcome, count in outcomes_in(file).items())
        tell.text(zh=f"✓ 回执 {file.name}：{counts}", en=f"✓ receipts {file.name}: {counts}")
    with tell.step(
        zh=f"{OUTCOME_DAYS} 天过去：客户作出选择，银行送来新文件",
        en=f"{OUTCOME_DAYS} days pass; the bank's next files come",
    ):
        world.go_on(sent)
        clock.move_to(as_of + timedelta(days=OUTCOME_DAYS + 2))
        held = [loaded for loaded in _ingest(services, staff.otto) if loaded.held]
        for late in held:
            _release(services, staff.otto, late)
        _ingest(services, staff.otto)
    for late in held:
        tell.text(
            zh=f"✓ {late.source} 行数远少于首次全量，质量分 {late.score:.0f} 低于门槛被拦下；核实后由 otto 放行",
            en=f"✓ {late.source} scored {late.score:.0f} and was held: far fewer rows than the history before it; "
            "otto looked at it and released it",
        )
    evaluate_campaign(services, CAMPAIGN, staff.lan)  # refused where a small bank has too few customers to judge by
    report = _done(report_campaign(services, CAMPAIGN, staff.lan))
    # who could not be reached could not react: the campaign's effect is on everybody it chose to contact
    chosen = report.evaluation.effect.contacted.units if isinstance(report.evaluation.effect, Effect) else 0
    truth = _truth(world, sent, chosen)
    page = page_of(report, catalog, services.calendar, truth=truth)
    (services.folder / REPORT_PAGE).write_text(render(page, tell.language), encoding="utf-8")
    tell.show(show_report.report(page, tell.language))
    rows = compared(services, world, catalog, sent, report, tell.language, currency=page.currency)
    if rows:
        tell.show(comparison_table(rows, tell.language))
        tell.text(
            zh="真实利润按实际存入金额计，含投诉与退订成本；估计按方案里每笔转化的毛利计。",
            en="The true profit counts what was really placed, and what complaints and opt-outs cost; the estimate "
            "takes the plan's margin for each conversion.",
        )
    fifths = calibration(services, world, SCORE, POPULATION, as_of)
    if fifths:
        tell.show(calibration_table(fifths, tell.language))


def _truth(world: World, sent: list[Sent], chosen: int) -> float | None:
    if not chosen or not sent:
        return None
    truth = world.truth(sent)
    return truth.effect * truth.n / chosen


def _release(services: Services, actor: Principal, report: IngestReport) -> None:
    with services.database.transaction() as connection:
        release(
            connection,
            report.source,
            report.data_date,
            comment="two months against twelve",
            audit=services.audit,
            actor=actor.user,
            at=services.clock.now(),
        )


def _staff(services: Services) -> Staff:
    with services.database.transaction() as connection:
        for user in PEOPLE:
            _done(add_user(connection, user, at=services.clock.now()))
    return Staff(**{u.name: Principal(user=u.name, person=u.person, roles=u.roles) for u in PEOPLE})


def _done(outcome: T | Refusal) -> T:
    """The outcome. The demo's own steps are never refused; if one is, the demo is broken and says so."""
    if isinstance(outcome, Refusal):
        raise ConfigurationError(f"the demo was refused: {outcome}", next_step="please report this")
    return outcome
