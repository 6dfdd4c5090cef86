"""Runs the benches one after the other: `python -m bench [NAME ...] [--polls N] [--dir DIR]`."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench import (
    adherence,
    cancel,
    clip,
    dialects,
    fleet,
    install,
    interpolation,
    marks,
    memory,
    moderation,
    polls,
    start,
    studio,
    submits,
    table,
    told,
    wan,
    webhooks,
)
from bench.result import Result, commit, machine


def main(argv: Sequence[str] | None = None) -> int:
    """Print one line for each bench. A missed target is said in its line and is no failure of the run."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--polls", type=int, default=300_000, metavar="N", help="how many polls `memory` sends")
    # /tmp may be memory, on which nothing waits for a disk.
    parser.add_argument("--dir", type=Path, default=Path("/var/tmp"), help="where the databases and files are made")
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args(argv)
    benches: dict[str, Callable[[Path], Result]] = {
        "polls": polls.run,
        "dialects": dialects.run,
        "submits": submits.run,
        "start": start.run,
        "table": table.run,
        "cancel": cancel.run,
        "fleet": fleet.run,
        "told": told.run,
        "webhooks": webhooks.run,
        "moderation": moderation.run,
        "clip": clip.run,
        "adherence": adherence.run,
        "install": install.run,
        "interpolation": interpolation.run,
        "marks": marks.run,
        "studio-page": studio.page,
        "studio-streams": studio.streams,
        "studio-browser": studio.browser,
        "wan": wan.run,
        "memory": partial(memory.run, polls=arguments.polls),
    }
    if strange := set(arguments.names) - set(benches):
        parser.error(f"there is no {', '.join(sorted(strange))}; there are {', '.join(benches)}")
    for name in arguments.names or benches:
        with tempfile.TemporaryDirectory(prefix="wanserve-bench-", dir=arguments.dir) as folder:
            result = benches[name](Path(folder))
        print(result.line(commit(), machine()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
