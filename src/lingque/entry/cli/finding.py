"""Commands that find segments: clusters, and who looks like a segment."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from lingque.catalog.definitions.shared import NAME
from lingque.catalog.yaml_export import document_of
from lingque.core.errors import ConfigurationError, ConflictError
from lingque.core.labels import Label
from lingque.entry import show_found
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened
from lingque.entry.cli.segments import AsOfOption, day_of, segments_app
from lingque.entry.cluster_page import to_html, to_svg
from lingque.flow.clusters import find_clusters
from lingque.flow.look_alike import find_look_alikes, keep_audience

TagsOption = Annotated[list[str], typer.Option("--tag", help="A tag; may be given several times.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Another seed, other starts.")]


@segments_app.command("cluster")
def cluster_command(
    name: Annotated[str, typer.Argument(help="What the tag of the clusters is to be called.")],
    tags: TagsOption,
    user: UserOption,
    label_zh: Annotated[str, typer.Option(help="Its label in Chinese.")] = "客群聚类",
    label_en: Annotated[str, typer.Option(help="Its label in English.")] = "Clusters",
    segment: Annotated[
        str, typer.Option(help="Whom to cluster: a condition or a segment. Default: everybody.")
    ] = "true",
    method: Annotated[str, typer.Option(help="kmeans or gmm.")] = "kmeans",
    clusters: Annotated[
        int | None, typer.Option("-k", min=2, max=50, help="How many. Default: by silhouette (kmeans) or BIC (gmm).")
    ] = None,
    as_of: AsOfOption = None,
    seed: SeedOption = 1,
    out: Annotated[
        Path | None, typer.Option(help="Write the definitions to this file, such as definitions/tags/personas.yaml.")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="Write a page with a picture to this file (.html).")] = None,
    svg: Annotated[Path | None, typer.Option(help="Write the picture alone to this file (.svg).")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Find clusters of customers over tags, and what sets each apart; write them down as tags.

    Values are cut off at the 1st and 99th percentile and standardised; a missing value counts as the mean. Nothing is
    in force until the definitions are applied.

    Examples:

        lingque segments cluster personas --tag balance --tag spending_3m --tag visits -k 5 --as ada

        lingque segments cluster personas --tag balance --tag visits --out definitions/tags/personas.yaml --as ada
    """
    if method not in ("kmeans", "gmm"):
        raise typer.BadParameter("kmeans or gmm", param_hint="--method")
    _check_name(name)
    with opened(workspace, user) as session:
        with console.status("clusters"):
            done = find_clusters(
                session.application.services, name, Label(zh=label_zh, en=label_en), tags, session.actor,
                segment=segment, method=cast(Literal["kmeans", "gmm"], method), clusters=clusters,
                as_of=day_of(as_of), seed=seed,
            )  # fmt: skip
        found = accepted(done, session.language)
        console.print(show_found.clusters(found, session.language))
        if out is not None:
            _write(out, "---\n".join(document_of(one) for one in found.definitions))
            session.say(zh=f"✓ {out}；请运行 lingque diff 与 apply", en=f"✓ {out}; now 'lingque diff' and 'apply'")
        if page is not None:
            _write(page, to_html(found, session.language))
            session.say(zh=f"✓ {page}", en=f"✓ {page}")
        if svg is not None:
            _write(svg, to_svg(found, session.language))
            session.say(zh=f"✓ {svg}", en=f"✓ {svg}")


@segments_app.command("look-alike")
def look_alike_command(
    segment: Annotated[str, typer.Argument(help="The seed: a segment.")],
    tags: TagsOption,
    user: UserOption,
    within: Annotated[str, typer.Option(help="Whom to rank: a condition or a segment. Default: everybody.")] = "true",
    as_of: AsOfOption = None,
    seed: SeedOption = 1,
    most: Annotated[int, typer.Option("--top", min=1, help="How many of the likest to keep.")] = 1000,
    onto: Annotated[str | None, typer.Option(help="The audience list to put them on; its owner is who acts.")] = None,
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day on which they are off it again.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; stays on record, so no personal data.")] = "",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Rank whoever is not in a segment by how much they look like those who are.

    Examples:

        lingque segments look-alike wealth_buyers --tag balance --tag age --tag visits --as ada

        lingque segments look-alike wealth_buyers --tag balance --tag age --top 5000 --onto spring_audience --as ada
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        with console.status("look-alike"):
            done = find_look_alikes(
                services, segment, tags, session.actor, within=within, as_of=day_of(as_of), seed=seed
            )
        found = accepted(done, session.language)
        console.print(show_found.audience(found, session.language))
        if onto is not None:
            kept = keep_audience(services, found, most, onto, session.actor, expires_on=day_of(expires), reason=reason)
            frozen = accepted(kept, session.language)
            session.say(
                zh=f"{frozen.members:,} 位客户，新加入名单 {frozen.added:,} 位",
                en=f"{frozen.members:,} customers, {frozen.added:,} newly on the list",
            )


def _check_name(name: str) -> None:
    # what is made of it is longer: _fit_12
    if not re.fullmatch(NAME, name) or len(name) > 50:
        raise typer.BadParameter("small letters, digits and _, 50 at most", param_hint="NAME")


def _write(path: Path, text: str) -> None:
    if path.exists():
        raise ConflictError(f"{path} is there already", next_step="name another file: nothing is overwritten")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {path}: {error.strerror or error}", next_step="name a file in a folder that you may write"
        ) from error
