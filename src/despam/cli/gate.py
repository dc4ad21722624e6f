"""`despam gate`: may this model replace that one? The one step that a CI job needs.

Knows the exit code: 0 when every rule of the gate holds, 1 when one does not. The rules are `despam.evaluate.gate`.
"""

from __future__ import annotations

import json

import click

from despam.cli.data_options import load_model


@click.command(name="gate")
@click.argument("new", metavar="NEW")
@click.argument("old", metavar="[OLD]", required=False)
@click.option("--gate", "gate_path", metavar="FILE", required=True, help="The rules, as gate.toml.")
@click.option("--json", "as_json", is_flag=True, help="Print every rule as JSON.")
def command(new: str, old: str | None, gate_path: str, as_json: bool) -> int:
    """Say whether NEW may replace OLD: exit code 0 yes, 1 no, with the line of the gate that failed.

    Without OLD (a first model) only the rules about NEW alone are decided. The form of the file is in docs/accuracy.md.

    Example:

    \b
        despam gate bundled bundled --gate docs/gate/gate.toml
    """
    from despam.cli.evaluate import say
    from despam.evaluate.gate import check

    result = check(load_model(new), load_model(old) if old else None, gate_path, say)
    if as_json:
        lines = [{"passed": line.passed, "rule": line.sentence, "place": line.place} for line in result.lines]
        click.echo(json.dumps({"passed": result.passed, "rules": lines, "notes": result.notes}, ensure_ascii=False))
    else:
        for line in result.lines:
            mark = click.style("holds", fg="green") if line.passed else click.style("FAILS", fg="red", bold=True)
            click.echo(f"{mark}  {line.sentence} ({line.place})")
        held = sum(line.passed for line in result.lines)
        click.echo(f"{held} of {len(result.lines)} rules hold: {'yes' if result.passed else 'no'}.")
    return 0 if result.passed else 1
