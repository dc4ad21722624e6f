"""Progress of what takes more than a second: a bar a stage, on a terminal, gone when done.

Knows rich and the words for stages. Refuses to know what is being done. Invariant: silent where stderr is no terminal,
so that a log holds results and talk only.
"""

from __future__ import annotations

from typing import Any

STAGES = {
    "near-copies": "finding near-copies", "features": "reading features", "intervals": "drawing for the intervals",
}  # fmt: skip
FEW = 2_000  # fewer messages are measured before a bar could be read


class Stages:
    """Progress by stage on a terminal; silent elsewhere. Called as `stages(stage, done, of)`.

    `messages` are how many the stages are about, where few take less than a second.
    """

    def __init__(self, messages: int = FEW) -> None:
        import sys

        self.bar: Any = None
        self.tasks: dict[str, Any] = {}
        if sys.stderr.isatty() and messages >= FEW:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            self.bar = Progress(*columns, console=Console(stderr=True), transient=True)

    def __enter__(self) -> Stages:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def __call__(self, stage: str, done: int, of: int) -> None:
        """Move the bar of a stage."""
        if self.bar is None:
            return
        if stage not in self.tasks:
            self.tasks[stage] = self.bar.add_task(STAGES.get(stage, stage), total=of)
        self.bar.update(self.tasks[stage], completed=done, total=of)
