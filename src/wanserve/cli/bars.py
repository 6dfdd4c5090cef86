"""Shows how far the videos of a command are: a bar each on a terminal, elsewhere a line for each new stage."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

NAME_CHARACTERS: Final = 24
"""How much of a prompt is shown, where there are several."""


@dataclass(slots=True)
class Bar:
    """The bar of one video. `name` is empty where there is only one; `stage` is the one that was told last."""

    console: Console
    progress: Progress
    row: TaskID
    name: str
    stage: str = ""

    def tell(self, stage: str, fraction: float | None = None, seconds_left: float | None = None) -> None:
        """Show the stage, and what is known of the rest."""
        if stage != self.stage and not self.console.is_terminal:
            self.console.print(f"{self.name}: {stage}" if self.name else stage, markup=False, highlight=False)
        self.stage = stage
        self.progress.update(
            self.row,
            stage=stage,
            left=left_text(seconds_left),
            total=None if fraction is None else 1.0,
            completed=fraction or 0.0,
        )


@dataclass(frozen=True, slots=True)
class Bars:
    """The bars of a command's videos."""

    console: Console
    progress: Progress
    named: bool

    def add(self, prompt: str) -> Bar:
        """Add the bar of a video."""
        name = shortened(prompt) if self.named else ""
        row = self.progress.add_task(name, total=None, stage="starting", left="")
        return Bar(self.console, self.progress, row, name)


@contextmanager
def show_bars(console: Console, *, named: bool) -> Iterator[Bars]:
    """Show bars for the length of a block; `named` by their prompts."""
    columns = [
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[stage]}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    ]
    # What goes to stdout belongs there, also while the bars are on stderr; only a terminal has both in one place.
    bars = Progress(
        *columns[0 if named else 1 :],
        console=console,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),
    )
    with bars:
        yield Bars(console, bars, named)


def shortened(prompt: str) -> str:
    """The beginning of a prompt, on one line."""
    line = " ".join(prompt.split())
    return line if len(line) <= NAME_CHARACTERS else f"{line[: NAME_CHARACTERS - 1]}…"


def left_text(seconds: float | None) -> str:
    """The seconds that are left, for people."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} left" if minutes else f"{rest} s left"
