"""Commands on models: train, list, look at the card."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from lingque.core.clock import datetime_of
from lingque.core.errors import ConfigurationError
from lingque.core.labels import Label
from lingque.entry import show, show_model
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened, progress_bar
from lingque.flow.learning import train_model
from lingque.predict.card_pages import to_html, to_markdown
from lingque.predict.registry import find_card, newest_cards

models_app = typer.Typer(name="models", help="Train models and look at their cards.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="The model.")]
_STEPS = {
    "trees": Label(zh="训练树模型", en="growing trees"),
    "baseline": Label(zh="训练逻辑回归", en="logistic regression"),
    "calibration": Label(zh="校准", en="calibrating"),
    "judgement": Label(zh="评判", en="judging"),
}
_PAGES = {".md": to_markdown, ".html": to_html}


@models_app.command("train")
def train(
    name: NameArgument,
    user: UserOption,
    known_by: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Use what was known by the end of that day. Default: everything."),
    ] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Train a model on the days its definition names, judge it on a later day, and keep it with its card.

    Trained again on the same data it is the same model, and no new version.

    Examples:

        lingque models train loan_within_24m --as ada

        lingque models train loan_within_24m --as ada --known-by 1996-12-31
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        moment = None if known_by is None else services.calendar.start_of(known_by.date() + timedelta(days=1))
        with progress_bar() as progress:
            task = progress.add_task(name, total=None)

            def step(what: str) -> None:
                label = _STEPS.get(what, Label(zh=f"截至 {what} 的标签", en=f"tags as of {what}"))
                progress.update(task, advance=1, description=label.in_language(session.language))

            trained = train_model(services, name, session.actor, known_by=moment, step=step)
        card = accepted(trained, session.language)
        console.print(show_model.card(card, session.language, keys=("what", "parts", "performance", "calibration")))
        session.say(
            zh=f"全文：lingque models card {name} --as {user}", en=f"all of it: lingque models card {name} --as {user}"
        )


@models_app.command("list")
def list_(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """The newest version of every model that has been trained.

    Examples:

        lingque models list --as ada
    """
    with opened(workspace, user) as session:
        language = session.language
        with session.application.services.database.reading() as connection:
            cards = newest_cards(connection)
        head = ("模型", "名称", "版本", "训练于", "验证日", "AUC", "逻辑回归")
        if language == "en":
            head = ("model", "label", "version", "trained", "validated as of", "AUC", "logistic regression")
        made = show.table(*head, right=("版本", "version"))
        for card in cards:
            judged = card.judgement
            made.add_row(
                card.model,
                card.label.in_language(language),
                str(card.version),
                datetime_of(card.trained_at).date().isoformat(),
                judged.parts[-1].as_of.isoformat(),
                f"{judged.model.auc.value:.3f} [{judged.model.auc.low:.3f}, {judged.model.auc.high:.3f}]",
                f"{judged.baseline.auc.value:.3f}",
            )
        console.print(made)


@models_app.command("card")
def card_(
    name: NameArgument,
    user: UserOption,
    out: Annotated[Path | None, typer.Option(help="Write it to this file instead: .md or .html.")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """The card of the newest version: data, performance beside a baseline, calibration, features, limits, origin.

    Examples:

        lingque models card loan_within_24m --as ada

        lingque models card loan_within_24m --as ada --out card.html
    """
    with opened(workspace, user) as session:
        with session.application.services.database.reading() as connection:
            card = find_card(connection, name)
        if out is None:
            console.print(show_model.card(card, session.language))
            return
        if out.suffix not in _PAGES:
            raise typer.BadParameter("a name that ends in .md or .html", param_hint="--out")
        try:
            out.write_text(_PAGES[out.suffix](card, session.language), encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"cannot write {out}: {error.strerror or error}", next_step="name a file in a folder that you may write"
            ) from error
        console.print(f"✓ {out}", highlight=False)
