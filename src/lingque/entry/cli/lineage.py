"""Commands on all tags together: what they are built on, who is built on them, and the gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lingque.catalog.tracing import thing_named, users_of
from lingque.entry import show_lineage
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, console, opened, progress_bar
from lingque.entry.cli.tags import tags_app
from lingque.entry.lineage_drawing import draw_lineage
from lingque.entry.tag_gallery.writing import write_gallery
from lingque.flow.intake import catalog_of
from lingque.flow.tags import newest_snapshot


@tags_app.command("lineage")
def lineage_command(
    name: Annotated[str, typer.Argument(help="Name of the tag.")],
    user: UserOption,
    svg: Annotated[Path | None, typer.Option(help="Also write a drawing into this file.")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """What one tag is built on, down to the columns: its data classes and the purposes that it may serve.

    Examples:

        lingque tags lineage monthly_income --as otto
        lingque tags lineage monthly_income --svg lineage.svg --as otto
    """
    with opened(workspace, user) as session:
        catalog = catalog_of(session.application.services)
        console.print(show_lineage.lineage(catalog, name, session.language))
        if svg is not None:
            svg.write_text(draw_lineage(catalog, name, session.language), encoding="utf-8")
            session.say(zh=f"✓ {svg}", en=f"✓ {svg}")


@tags_app.command("used")
def used_command(
    name: Annotated[str, typer.Argument(help="A tag, or a column as table.column.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Who uses a tag or a column: tags, segments, models, offers and campaigns, and by which way.

    Examples:

        lingque tags used monthly_income --as otto
        lingque tags used transactions.amount --as otto
    """
    with opened(workspace, user) as session:
        catalog = catalog_of(session.application.services)
        thing = thing_named(catalog, name)
        console.print(show_lineage.users(catalog, thing, users_of(catalog, thing), session.language))


@tags_app.command("gallery")
def gallery_command(
    out: Annotated[Path, typer.Option(help="A new or empty folder.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Write all tags as a page in each language: what each means, how its values are spread, what it is built on.

    From the definitions and the newest snapshot's statistics; no customer's row is read. The pages need no network.

    Examples:

        lingque tags gallery --out gallery --as otto
    """
    with opened(workspace, user) as session:
        services = session.application.services
        catalog = catalog_of(services)
        with progress_bar() as progress:
            task = progress.add_task("gallery", total=2 * (len(catalog.tags) + 1))
            for _ in write_gallery(catalog, newest_snapshot(services), out):
                progress.advance(task)
        session.say(
            zh=f"✓ {out / 'zh.html'}（{len(catalog.tags)} 个标签）", en=f"✓ {out / 'en.html'}: {len(catalog.tags)} tags"
        )
