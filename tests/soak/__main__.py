"""`python -m tests.soak --tasks N --seed S`: soak, print the figures, and exit 1 with a list where anything is off."""

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

from tests.soak import fleet, run


def main() -> int:
    """Run one soak."""
    options = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    options.add_argument("--tasks", type=int, default=200, metavar="N", help="how many tasks are submitted (200)")
    options.add_argument("--seed", type=int, metavar="S", help="what chance is drawn from; left out: drawn, and told")
    options.add_argument("--keep", type=Path, metavar="FOLDER", help="where data and log stay; left out: nowhere")
    options.add_argument(
        "--fleet", action="store_true", help="two servers and three workers on one PostgreSQL and one bucket"
    )
    given = options.parse_args()
    seed = random.SystemRandom().randrange(2**31) if given.seed is None else given.seed
    # Told first: a soak that is ended early can be had again too.
    sys.stderr.write(
        f"seed {seed}: `make soak N={given.tasks} SEED={seed}` is the same soak, with FLEET=1 if this one is of a fleet\n"
    )
    with tempfile.TemporaryDirectory(prefix="wanserve-soak-") as made:
        told = (fleet if given.fleet else run).soak(given.keep or Path(made), given.tasks, seed)
    sys.stderr.write(f"{told}\n")
    sys.stdout.write(f"{json.dumps(told.figures())}\n")
    return 1 if told.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
