"""`wanserve workers`: lists the workers with what they run."""

import argparse
from contextlib import closing

from wanserve.cli.options import Subcommands, add_data_dir, add_json, open_data_dir
from wanserve.cli.output import print_rows, time_text
from wanserve.workers import WorkerState, worker_states


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands below `wanserve workers`."""
    commands = Subcommands(parser)
    listing = commands.add("list", "list the workers: who runs what, where, since when", run_list)
    add_data_dir(listing)
    add_json(listing)


def run_list(arguments: argparse.Namespace) -> None:
    """`wanserve workers list`."""
    with closing(open_data_dir(arguments)) as core:
        workers = worker_states(core.tasks.store)
    print_rows([_row(worker) for worker in workers], as_json=arguments.json)


def _row(worker: WorkerState) -> dict[str, object]:
    row, task = worker.row, worker.task
    return {
        "id": row.id,
        "host": row.host,
        "device": row.device,
        "engine": row.engine,
        "models": ", ".join(row.models),
        "state": worker.name,
        "task": task and task.id,
        "since": time_text(task.started_ms if task else None),
        "seen": time_text(row.seen_ms),
    }
