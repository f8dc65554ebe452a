"""The program: the commands in one typer app, and the entry points that run it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType

import typer

from cli.analysis import compare, duplicates, evaluate, odd
from cli.engines import list_engines
from cli.export import export
from cli.indexing import index
from cli.learning import classify, finetune, train
from cli.searching import recommend, search
from cli.serve import serve
from cli.transfer import transfer
from engines import SemblanceError, settings
from features import files
from features.errors import STORAGE, memory_failure, storage_failure
from features.home import default_home

COMMANDS: Mapping[str, Callable[..., None]] = MappingProxyType(  # in the order of --help
    {
        "serve": serve,
        "index": index,
        "search": search,
        "recommend": recommend,
        "duplicates": duplicates,
        "classify": classify,
        "train": train,
        "finetune": finetune,
        "odd": odd,
        "export": export,
        "evaluate": evaluate,
        "compare": compare,
        "transfer": transfer,
        "engines": list_engines,
    }
)
HELP = ("--help", "-h")
STOPPED = 130  # typer's exit code for Ctrl-C

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": list(HELP)},
    help="Find images that look alike.",
)
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def main(arguments: list[str], program: str = "python app.py") -> int:
    """Runs one command, `serve` if none is named.

    Args:
        arguments: The command line, without the program's name.
        program: How the user started the program, for hints about usage.

    Returns:
        The exit code: 0; 1 if the command failed, with one sentence on stderr; 2 for wrong usage.
    """
    if not arguments or (arguments[0] not in COMMANDS and arguments[0] not in HELP):
        arguments = ["serve", *arguments]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may hold characters that can't be printed
    try:
        debug = settings.current().debug
        code = app(arguments, standalone_mode=False) or 0
        if code != STOPPED:
            return code
        typer.echo("Stopped; what was done is kept, and the same command goes on from there.", err=True)
    except typer.TyperException as misuse:
        typer.echo(f"{misuse.format_message().rstrip('.')}; see `{program} {arguments[0]} --help`.", err=True)
        return misuse.exit_code
    except SemblanceError as error:
        typer.echo(str(error), err=True)
    except Exception as error:
        if debug:
            raise
        typer.echo(_sentence(error), err=True)
    finally:
        settings.reset()  # the options were this command's
        for sentence in files.unread():
            typer.echo(sentence, err=True)
    return 1


def _sentence(error: Exception) -> str:
    if short := memory_failure(error):
        return str(short)
    if isinstance(error, OSError) and error.errno in STORAGE and error.filename:
        return str(storage_failure(error, default_home()))
    return f"Something unforeseen went wrong ({error!r}); SEMBLANCE_DEBUG=1 shows where."


def run() -> int:
    """Runs the command line of the console script `semblance`, and returns its exit code."""
    return main(sys.argv[1:], program="semblance")
