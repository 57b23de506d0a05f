"""The command line: ``carto-sante COMMAND``.

Each command lives in `carto_sante.commands` and is imported only when it is called, so that ``--help`` is quick.
Results go to stdout, progress and log lines to stderr. Exit codes: 0 done; 1 our fault; 2 the user's input;
3 stopped by a check, the previous output intact.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys

import click

from carto_sante import __version__
from carto_sante.errors import CartoSanteError

#: Command name to (module of `carto_sante.commands`, one-line help): the help is here so that listing the
#: commands imports none of them; a test compares it with each command's own.
COMMANDS = {
    "fetch": ("fetch", "Download the open data that a study names, with resume and checks."),
    "refresh": ("refresh", "Read the registries of a study and write a vintage: map, tables, journal."),
    "diff": ("diff", "Follow each practitioner between two vintages of a refresh."),
    "series": ("series", "Show an indicator over every vintage of a refresh, zone by zone."),
    "export": ("export", "Write a vintage as Excel and GeoParquet files, or into PostGIS."),
    "atlas": ("atlas", "Write one page, PNG and PDF for each quartier and each QPV."),
    "density": ("density", "Compute densities, comparisons and inequality without the whole refresh."),
    "accessibility": ("accessibility", "Compute floating catchments and the APL of a study."),
    "siting": ("siting", "Rank the places where a new MSP would change most, and size it."),
    "geocode": ("geocode", "Place the addresses of a CSV and draw a map of the points to check."),
    "isochrone": ("isochrone", "Draw where one can be in so many minutes, with its own error."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"carto_sante.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, naming the closest one when there is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from carto_sante.errors import suggest

            raise click.UsageError(f"Unknown command {args[0]!r}. {suggest(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="carto-sante")
@click.option("-q", "--quiet", is_flag=True, help="Only warnings and errors on stderr.")
def cli(quiet: bool) -> None:
    """Primary-care supply in France, from the official files to the map of a city.

    Start with the sample city:

    \b
        carto-sante refresh data/sample/study.toml --out out
        open out/current/carte.html
    """
    level = logging.WARNING if quiet else logging.INFO
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("carto_sante")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the code that says whose turn it is."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the process by default.
    """
    try:
        cli.main(args=arguments, prog_name="carto-sante", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted: nothing was written.", err=True)
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) is gone: nothing to say, nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except CartoSanteError as error:
        click.echo(f"Error: {error}", err=True)
        return error.exit_code
    except Exception as error:
        if os.environ.get("CARTO_SANTE_DEBUG"):
            raise
        click.echo(
            f"Internal error: {type(error).__name__}: {error}\n"
            "This is a defect of carto_sante. Run again with CARTO_SANTE_DEBUG=1 in the environment to see "
            "where, and report it with the study file.",
            err=True,
        )
        return 1
    return 0
