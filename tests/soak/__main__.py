"""`python -m tests.soak --tasks N --seed S`: soak, print the figures, and exit 1 with a list where anything is off."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.soak.run import soak


def main() -> int:
    """Run one soak."""
    options = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    options.add_argument("--tasks", type=int, default=200, metavar="N", help="how many tasks are submitted (200)")
    options.add_argument("--seed", type=int, default=7, metavar="S", help="what chance is drawn from (7)")
    options.add_argument("--keep", type=Path, metavar="FOLDER", help="where data and log stay; left out: nowhere")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="wanserve-soak-") as made:
        told = soak(given.keep or Path(made), given.tasks, given.seed)
    sys.stderr.write(f"{told}\n")
    sys.stdout.write(f"{json.dumps(told.figures())}\n")
    return 1 if told.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
