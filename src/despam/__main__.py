"""`python -m despam` is the command line."""

from despam.cli.main import run

run()
