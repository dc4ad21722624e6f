"""The command line's front: which commands there are, and what an error becomes.

Knows the names of the commands and nothing of their work: a command's module is imported when it is called, so
`despam --help` pays for click and rich alone. Results go to stdout, talk to stderr.

Exit codes: 0 done; 1 the answer is no; 2 usage; 3 a despam error, one line, `--debug` for the traceback; 70 our bug;
130 stopped by Ctrl-C, a batch by SIGTERM too; 141 the reader of a batch on stdout has left. Any other reader may leave:
the work is done and its code stands.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from despam.cli import streams
from despam.errors import DespamError

# command -> (module, one line for the list); the module holds a click command named `command`
COMMANDS: dict[str, tuple[str, str]] = {
    "train": ("train", "Learn a model from labelled messages."),
    "evaluate": ("evaluate", "Measure a model on labelled messages."),
    "compare": ("compare", "Compare two models on the same messages."),
    "attack": ("attack", "Disguise messages and count what still gets caught."),
    "gate": ("gate", "Say whether a model may replace another one."),
    "classify": ("classify", "Give the verdict on a text, a file or a batch."),
    "inspect": ("inspect", "Show what a model file holds."),
    "serve": ("serve", "Run page and API on this machine."),
    "page": ("page", "Write the page for hosting elsewhere."),
    "publish": ("publish", "Store a model in a registry."),
    "versions": ("versions", "List the versions in a registry."),
    "promote": ("promote", "Make a version the live one."),
    "rollback": ("rollback", "Go back to the version that was live before."),
    "doctor": ("doctor", "Check every object of a registry."),
    "import-sklearn": ("import_sklearn", "Make a model file from scikit-learn pickles, running nothing in them."),
    "export-sklearn": ("export_sklearn", "Give a model back to scikit-learn."),
    "bundle": ("bundle", "Write the zip that AWS Lambda runs."),
    "deploy": ("deploy", "Put the service on AWS."),
    "destroy": ("destroy", "Take the service off AWS."),
}


class LazyGroup(click.Group):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of a user's day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"despam.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    """Print version and engine."""
    if value:
        from importlib.metadata import version

        from despam.core import engine

        click.echo(f"despam {version('despam')} (engine: {engine.NAME})")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=show_version, help="Show the version."
)
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Find spam among messages from strangers, and say why.

    Example:

        despam classify "WIN a free iPhone now"

    \b
    Exit codes:
        0    done
        1    the answer is no: a gate fails, spam with --exit-code, doctor found something, you said no
        2    a command line that cannot be meant
        3    an error, said in one line; --debug shows where
        70   a bug in despam
        130  stopped by Ctrl-C, a batch also by SIGTERM
        141  who read a batch on stdout has left; with other results that changes nothing
    """
    ctx.obj = {"debug": debug}


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with the contract's exit code."""
    argv = sys.argv[1:] if arguments is None else arguments
    debug, argv = take_debug(argv)
    streams.guard()
    try:
        code = start(["--debug", *argv] if debug else argv)
    except (click.exceptions.Abort, KeyboardInterrupt) as stopped:
        if isinstance(stopped, KeyboardInterrupt):
            click.echo(err=True)  # the terminal has shown ^C
        fail("stopped; nothing more was written.", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except DespamError as error:
        fail(str(error), 3, debug=debug)
    except streams.ReaderGone:
        sys.exit(141)  # what a shell shows of a program that SIGPIPE ended
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001  the door: whatever else gets here is our bug
        fail(f"this is a bug in despam ({type(error).__name__}: {error}); --debug shows where.", 70, debug=debug)
    sys.exit(code if isinstance(code, int) else 0)


def take_debug(argv: list[str]) -> tuple[bool, list[str]]:
    """Take --debug wherever it stands before a `--`: people add it to the end of the line that failed."""
    end = argv.index("--") if "--" in argv else len(argv)
    options = [word for word in argv[:end] if word != "--debug"]
    return len(options) < end, [*options, *argv[end:]]


def start(argv: list[str]) -> Any:
    """Run a command as click's own `main` does, which would turn any broken pipe into exit code 1."""
    if "_DESPAM_COMPLETE" in os.environ:
        return cli.main(argv, prog_name="despam", standalone_mode=False)
    try:
        with cli.make_context("despam", list(argv)) as context:
            return cli.invoke(context)
    except click.exceptions.Exit as left:
        return left.exit_code


def fail(sentence: str, code: int, *, debug: bool = False) -> None:
    """Say one line on stderr, after the traceback if it is asked for, and leave."""
    if debug:
        import traceback

        traceback.print_exc()
    click.echo(click.style("Error: ", fg="red", bold=True) + sentence, err=True)
    sys.exit(code)
