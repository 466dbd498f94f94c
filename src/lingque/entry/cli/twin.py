"""Commands of the simulated bank: make it, and look whether it could be real."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lingque.core.errors import ConfigurationError
from lingque.entry.cli.application import console, progress_bar
from lingque.twin.bank import Twin
from lingque.twin.blocks import blocks_of
from lingque.twin.figures import Figures
from lingque.twin.making import make_bank
from lingque.twin.presets import parameters_of, preset_names
from lingque.twin.reading import figures_in

twin_app = typer.Typer(name="twin", help="The simulated bank, whose truth is known.", no_args_is_help=True)

PresetOption = Annotated[str, typer.Option(help=f"How large: {', '.join(preset_names())}.")]
SeedOption = Annotated[int | None, typer.Option(help="Another bank of the same kind.", show_default="of the preset")]
MonthsOption = Annotated[int | None, typer.Option(help="Length of the history.", show_default="of the preset")]
FileOption = Annotated[Path | None, typer.Option("--parameters", help="A YAML file with what shall be otherwise.")]


@twin_app.command("make")
def make(
    out: Annotated[Path, typer.Option(help="An empty folder, or one that does not exist yet.")],
    preset: PresetOption = "small",
    months: MonthsOption = None,
    seed: SeedOption = None,
    parameters: FileOption = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the files are the same with any number.")] = 2,
) -> None:
    """Make the files that a bank's systems would deliver, and the truth beside them.

    `landing` holds one file per month and system and the last days one by one, `resent` a day that is sent again,
    `truth` what no bank could know, `parameters.yaml` all that it takes to make the same bank again.

    Examples:

        lingque twin make --preset city --months 24 --out city

        lingque twin make --preset tiny --seed 7 --out tiny
    """
    with _told():
        chosen = parameters_of(preset, file=parameters, seed=seed, months=months)
        began = time.monotonic()
        with progress_bar() as progress:
            task = progress.add_task("blocks of customers", total=len(tuple(blocks_of(chosen))))
            made = make_bank(chosen, out, workers=workers, progress=lambda done: progress.update(task, completed=done))
    seconds = time.monotonic() - began
    console.print(
        f"✓ {out}: {made.customers:,} customers, {made.transactions:,} transactions, {made.rows:,} rows in "
        f"{len(made.files):,} files; {seconds:.0f} s, {made.rows / seconds:,.0f} rows/s",
        highlight=False,
        soft_wrap=True,
    )


@twin_app.command("report")
def report(
    folder: Annotated[
        Path | None, typer.Argument(help="A folder that 'twin make' wrote.", show_default="make one in memory")
    ] = None,
    out: Annotated[Path, typer.Option(help="The page to write (HTML).")] = Path("twin.html"),
    preset: PresetOption = "tiny",
    months: MonthsOption = None,
    seed: SeedOption = None,
    parameters: FileOption = None,
    english: Annotated[bool, typer.Option("--english", help="In English instead of Chinese.")] = False,
) -> None:
    """Write a page with pictures by which a banker can judge whether the bank could be real.

    With a folder, the page is about what stands in it. Without one, the bank is made in memory: take `tiny` or
    `small`, or a larger one where there is room.

    Examples:

        lingque twin report city --out city.html

        lingque twin report --preset small --out twin.html
    """
    # what draws takes a second to import, which no other command should pay
    from lingque.entry.twin_report import render

    with _told():
        with console.status("counting"):
            figures = (
                Figures.of(Twin.make(parameters_of(preset, file=parameters, seed=seed, months=months)))
                if folder is None
                else figures_in(folder)
            )
        page = render(figures, "en" if english else "zh")
        out.write_text(page, encoding="utf-8")
    console.print(f"✓ {out}", highlight=False, soft_wrap=True)


@twin_app.command("compare")
def compare_(
    preset: PresetOption = "tiny",
    seed: SeedOption = None,
    parameters: FileOption = None,
    svg: Annotated[Path | None, typer.Option(help="Also write the picture of the profits into this file.")] = None,
    english: Annotated[bool, typer.Option("--english", help="In English instead of Chinese.")] = False,
) -> None:
    """Let policies work on one bank for six months, the platform's among them, and tell what each truly earned.

    A minute and a half for `small`.

    Examples:

        lingque twin compare --preset small

        lingque twin compare --preset small --seed 3 --svg profits.svg
    """
    # what draws and what learns take a second to import, which no other command should pay
    from lingque.entry.closed_loop.picture import drawn
    from lingque.entry.closed_loop.running import compare
    from lingque.entry.show_policies import policies

    with _told():
        chosen = parameters_of(preset, file=parameters, seed=seed, months=None)
        with console.status("six months"):
            results = compare(chosen).results
        console.print(policies(results, "en" if english else "zh"))
        if svg is not None:
            svg.write_text(drawn(results), encoding="utf-8")
            console.print(f"✓ {svg}", highlight=False, soft_wrap=True)


@contextmanager
def _told() -> Iterator[None]:
    """What is wrong with parameters, folders and disks, told as an error with its next step."""
    try:
        yield
    except ValueError as error:
        raise ConfigurationError(str(error), next_step="change that value") from error
    except FileNotFoundError as error:
        raise ConfigurationError(str(error), next_step="name a folder that 'lingque twin make' wrote") from error
    except FileExistsError as error:
        raise ConfigurationError(str(error), next_step="name another folder") from error
    except OSError as error:
        raise ConfigurationError(
            f"the simulated bank could not be written: {error}", next_step="make room, or name another place"
        ) from error
