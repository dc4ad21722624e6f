"""The command line's front: which commands there are, and what an error becomes.

Knows the names of the commands and nothing of their work: a command's module is imported when it is called, so
`despam --help` pays for click and rich alone. Results go to stdout, talk to stderr.

Exit codes: 0 done; 1 the answer is no; 2 usage; 3 a despam error, one line, `--debug` for the traceback; 70 our bug.
"""

from __future__ import annotations

import importlib
import os
import sys

import click

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
    """
    ctx.obj = {"debug": debug}


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with the contract's exit code."""
    argv = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in argv
    # --debug is taken wherever it stands: people add it to the end of the line that failed
    argv = [word for word in argv if word != "--debug"]
    try:
        code = cli.main(["--debug", *argv] if debug else argv, prog_name="despam", standalone_mode=False)
    except click.exceptions.Abort:
        fail("stopped; nothing more was written.", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except DespamError as error:
        if debug:
            raise
        fail(str(error), 3)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # the door: whatever else gets here is our bug
        if debug:
            raise
        fail(f"this is a bug in despam ({type(error).__name__}: {error}); --debug shows where.", 70)
    sys.exit(code if isinstance(code, int) else 0)


def fail(sentence: str, code: int) -> None:
    """Say one line on stderr and leave."""
    click.echo(click.style("Error: ", fg="red", bold=True) + sentence, err=True)
    sys.exit(code)
