"""`wanserve webhooks`: adds, lists and removes webhooks, shows what was delivered, and sends it again."""

import argparse
import json
from contextlib import closing
from urllib.parse import urlsplit

from wanserve.cli.options import Subcommands, add_data_dir, add_json, open_data_dir, settings_from
from wanserve.cli.output import print_rows, time_text
from wanserve.core import open_core
from wanserve.domain.webhook_store import DeliverySearch
from wanserve.domain.webhooks import EventType, WebhookEndpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands below `wanserve webhooks`."""
    commands = Subcommands(parser)
    add = commands.add("add", "have a URL told how videos end, and print its secret; it is not shown again", run_add)
    add_data_dir(add)
    add_json(add)
    add.add_argument("url", metavar="URL")
    add.add_argument("--account", default="default", metavar="A", help="whose videos it is told of (default)")
    add.add_argument("--events", metavar="E1,E2", help=f"some of {', '.join(EventType)}; left out: all")
    listing = commands.add("list", "list the webhooks, without their secrets", run_list)
    add_data_dir(listing)
    add_json(listing)
    for name, does, run in (
        ("remove", "remove a webhook; what waits for it is not sent any more", run_remove),
        ("enable", "enable a webhook that was disabled", run_enable),
        ("rotate", "give a webhook a new secret and print it; for a day the present one signs too", run_rotate),
        ("test", "send a message now, and print how that ended", run_test),
    ):
        command = commands.add(name, does, run)
        add_data_dir(command)
        command.add_argument("id", metavar="ID")
    secret = commands.add("secret", "print the secret that signs what goes to the URLs of single videos", run_secret)
    add_data_dir(secret)
    secret.add_argument("--account", default="default", metavar="A", help="whose secret (default)")
    secret.add_argument("--rotate", action="store_true", help="make a new one; for a day the present one signs too")
    deliveries = commands.add("deliveries", "list the latest messages, newest first", run_deliveries)
    add_data_dir(deliveries)
    add_json(deliveries)
    deliveries.add_argument("--account", metavar="A", help="only those of this account")
    deliveries.add_argument("--failed", action="store_true", help="only those that are not tried any more")
    deliveries.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (100)")
    replay = commands.add("replay", "send a message again, with the same id", run_replay)
    add_data_dir(replay)
    replay.add_argument("id", metavar="DELIVERY_ID")


def run_add(arguments: argparse.Namespace) -> None:
    """`wanserve webhooks add`: the secret, alone, on stdout, unless as JSON."""
    events = None if arguments.events is None else [name.strip() for name in arguments.events.split(",")]
    with closing(open_data_dir(arguments)) as core:
        added = core.webhooks.add(arguments.account, arguments.url, events)
    print(json.dumps(_row(added) | {"secret": added.secret}) if arguments.json else added.secret)


def run_list(arguments: argparse.Namespace) -> None:
    """`wanserve webhooks list`."""
    with closing(open_data_dir(arguments)) as core:
        rows = [_row(each) for each in core.webhooks.all(None)]
    print_rows(rows, as_json=arguments.json)


def run_remove(arguments: argparse.Namespace) -> None:
    """`wanserve webhooks remove`."""
    with closing(open_data_dir(arguments)) as core:
        core.webhooks.remove(arguments.id)


def run_enable(arguments: argparse.Namespace) -> None:
    """`wanserve webhooks enable`."""
    with closing(open_data_dir(arguments)) as core:
        core.webhooks.enable(arguments.id)


def run_rotate(arguments: argparse.Namespace) -> None:
    """`wanserve webhooks rotate`: the new secret, alone, on stdout."""
    with closing(open_data_dir(arguments)) as core:
        print(core.webhooks.rotate(arguments.id).secret)


def run_secret(arguments: argparse.Namespace) -> None:
    """`wanserve webhooks secret`: the secret, alone, on stdout."""
    with closing(open_data_dir(arguments)) as core:
        find = core.webhooks.rotate_account_secret if arguments.rotate else core.webhooks.account_secret
        print(find(arguments.account))


def run_deliveries(arguments: argparse.Namespace) -> None:
    """`wanserve webhooks deliveries`."""
    search = DeliverySearch(arguments.account, arguments.failed, max(1, arguments.limit))
    with closing(open_data_dir(arguments)) as core:
        rows = [
            {
                "id": each.id,
                "task_id": each.task_id,
                "event": each.event,
                "webhook": each.endpoint_id or _without_query(each.url or ""),
                "state": each.state,
                "tries": each.tries,
                "status": each.status,
                "error": each.error,
                "created": time_text(each.created_ms),
                "tried": time_text(each.tried_ms),
                "next": time_text(each.next_ms),
            }
            for each in core.webhooks.deliveries(search)
        ]
    print_rows(rows, as_json=arguments.json)


def run_replay(arguments: argparse.Namespace) -> None:
    """`wanserve webhooks replay`: a server that runs sends it within a second."""
    with closing(open_data_dir(arguments)) as core:
        core.webhooks.replay(arguments.id)


def run_test(arguments: argparse.Namespace) -> int:
    """`wanserve webhooks test`: from this machine, whether a server runs or not."""
    settings = settings_from(arguments)
    with closing(open_core(settings)) as core:
        endpoint, now_ms = core.webhooks.get(arguments.id), core.webhooks.store.now_ms()
    # Imported here, because no other of these commands sends anything, and the libraries take long to import.
    from wanserve.webhooks.ping import ping  # noqa: PLC0415

    tried = ping(endpoint, now_ms, allow_private=settings.webhooks_private)
    print(f"delivered, status {tried.status}" if tried.delivered else f"not delivered: {tried.error}")
    return 0 if tried.delivered else 1


def _row(endpoint: WebhookEndpoint) -> dict[str, object]:
    return {
        "id": endpoint.id,
        "account": endpoint.account,
        "url": endpoint.url,
        "events": [event.value for event in endpoint.events],
        "created": time_text(endpoint.created_ms),
        "disabled": time_text(endpoint.disabled_ms),
        "disabled_why": endpoint.disabled_why,
    }


def _without_query(url: str) -> str:
    """The URL without its query, which may have a secret of the receiver."""
    return urlsplit(url)._replace(query="").geturl()
