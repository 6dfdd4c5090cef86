"""`wanserve models`: lists the models with their settings, and fetches or imports their weights."""

import argparse

from wanserve.cli.options import Subcommands, add_data_dir, add_json, settings_from
from wanserve.cli.output import print_rows
from wanserve.domain.catalogue import MODELS
from wanserve.models.availability import describe, find_availability, import_weights, pull_weights

TABLE_COLUMNS = ("name", "engine", "weights", "profile", "steps", "frames", "fps", "sizes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `wanserve models`, and the command below it."""
    add_data_dir(parser)
    add_json(parser)
    parser.set_defaults(run=run_models)
    commands = Subcommands(parser, required=False)
    pull = commands.add("pull", "fetch a model's weights", run_pull)
    add_data_dir(pull)
    pull.add_argument("name", metavar="NAME", choices=list(MODELS), help=", ".join(MODELS))
    pull.add_argument("--weights", metavar="HUB_ID", help="another hub id than the setting's")
    pull.add_argument("--fast", action="store_true", help="with the LoRA that makes videos in 4 steps")
    imported = commands.add("import", "make weights usable that you have in other forms", run_import)
    add_data_dir(imported)
    imported.add_argument("files", metavar="FILE", nargs="+", help="safetensors, GGUF or .pth files, or their folder")
    imported.add_argument("name", metavar="NAME", choices=list(MODELS), help=", ".join(MODELS))


def run_models(arguments: argparse.Namespace) -> None:
    """`wanserve models`."""
    rows = [describe(model) for model in find_availability(settings_from(arguments)).models]
    if not arguments.json:
        rows = [{name: row[name] for name in TABLE_COLUMNS} for row in rows]
    print_rows(rows, as_json=arguments.json)


def run_import(arguments: argparse.Namespace) -> int:
    """`wanserve models import`."""
    return import_weights(settings_from(arguments), arguments.name, arguments.files)


def run_pull(arguments: argparse.Namespace) -> int:
    """`wanserve models pull`."""
    return pull_weights(settings_from(arguments), arguments.name, arguments.weights, fast=arguments.fast)
