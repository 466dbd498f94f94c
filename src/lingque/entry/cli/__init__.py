"""The command line."""

from __future__ import annotations

import sys

from rich.console import Console

from lingque.core.errors import LingqueError
from lingque.entry.cli.application import app
from lingque.entry.cli.backup import backup_app
from lingque.entry.cli.campaign import campaign_app
from lingque.entry.cli.consents import consents_app
from lingque.entry.cli.customers import customers_app
from lingque.entry.cli.data import quality_app, quarantine_app
from lingque.entry.cli.decisions import decisions_app
from lingque.entry.cli.definitions import apply_command, approve_command, diff_command, export_command
from lingque.entry.cli.finding import cluster_command, look_alike_command
from lingque.entry.cli.keeping import audit_app, vault_app
from lingque.entry.cli.lineage import gallery_command, lineage_command, used_command
from lingque.entry.cli.lists import lists_app
from lingque.entry.cli.live_tags import live_app
from lingque.entry.cli.manual_tags import import_command, set_command, unset
from lingque.entry.cli.messages import messages_app
from lingque.entry.cli.models import models_app
from lingque.entry.cli.outlooks import capacity_command, what_if_command
from lingque.entry.cli.people import users_app
from lingque.entry.cli.retention import nightly, retention_app
from lingque.entry.cli.rights import rights_app
from lingque.entry.cli.segments import segments_app
from lingque.entry.cli.servers import mailbox, serve
from lingque.entry.cli.tables import tables_app
from lingque.entry.cli.tags import tags_app
from lingque.entry.cli.twin import twin_app
from lingque.entry.cli.workspace import demo, ingest_command, init

app.command("demo")(demo)
app.command("init")(init)
app.command("diff")(diff_command)
app.command("apply")(apply_command)
app.command("approve")(approve_command)
app.command("export")(export_command)
app.command("ingest")(ingest_command)
app.add_typer(quarantine_app)
app.add_typer(quality_app)
tags_app.add_typer(live_app)
campaign_app.command("what-if")(what_if_command)
campaign_app.command("capacity")(capacity_command)
tags_app.command("lineage")(lineage_command)
tags_app.command("used")(used_command)
tags_app.command("gallery")(gallery_command)
tags_app.command("set")(set_command)
tags_app.command("unset")(unset)
tags_app.command("import")(import_command)
app.add_typer(tags_app)
segments_app.command("cluster")(cluster_command)
segments_app.command("look-alike")(look_alike_command)
app.add_typer(segments_app)
app.add_typer(lists_app)
app.add_typer(customers_app)
app.add_typer(models_app)
app.add_typer(campaign_app)
app.add_typer(decisions_app)
app.add_typer(messages_app)
app.add_typer(users_app)
app.add_typer(consents_app)
app.add_typer(rights_app)
app.add_typer(audit_app)
app.add_typer(vault_app)
app.add_typer(retention_app)
app.command("nightly")(nightly)
app.add_typer(tables_app)
app.add_typer(backup_app)
app.add_typer(twin_app)
app.command("serve")(serve)
app.command("mailbox")(mailbox)

EXIT_ERROR = 1
EXIT_REFUSED = 3


def main() -> None:
    """Run a command. Exit codes: 0 done, 1 an error, 2 wrong usage, 3 refused (with its reason)."""
    try:
        app()
    except LingqueError as error:
        Console(stderr=True).print(f"[bold red]✗[/] {_plain(str(error))}", highlight=False)
        sys.exit(EXIT_ERROR)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
