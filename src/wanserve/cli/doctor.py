"""`wanserve doctor`: prints what this machine can run and what is missing."""

import argparse
import json
from dataclasses import asdict
from typing import Final

from wanserve.cli.findings import examine
from wanserve.cli.options import add_data_dir, add_json, settings_from

MARKS: Final = {True: "ok     ", False: "MISSING", None: "-      "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `wanserve doctor`."""
    add_data_dir(parser)
    add_json(parser)
    parser.set_defaults(run=run_doctor)


def run_doctor(arguments: argparse.Namespace) -> int:
    """`wanserve doctor`: exit status 1 where something that is needed is missing."""
    findings = examine(settings_from(arguments))
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        for finding in findings:
            print(f"{MARKS[finding.fine]} {finding.about}: {finding.says}")
    return 1 if any(finding.fine is False for finding in findings) else 0
