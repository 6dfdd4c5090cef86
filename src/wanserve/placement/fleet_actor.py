"""The fleet in an actor: what `wanserve worker` runs, without signals and HTTP. It does not import Ray."""

import hashlib
import json
import logging
import platform
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from wanserve import __version__
from wanserve.app import build_worker
from wanserve.domain.errors import SetupError, WanserveError
from wanserve.fleet import Fleet
from wanserve.machine.environment import colours_wanted
from wanserve.machine.gpus import has_gpu
from wanserve.placement.plan import Phase
from wanserve.server import opened
from wanserve.settings import Settings
from wanserve.telemetry import start_logging

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ActorOrder:
    """What an actor is started with: plain values, so that a node with another version of wanserve can read them.

    They are an argument of the actor, which Ray's dashboard does not show, unlike a runtime environment.
    """

    version: str
    settings: Mapping[str, object]
    fingerprint: str
    """The same for the same settings and the same number of GPUs."""


@dataclass(frozen=True, slots=True)
class ActorState:
    """What an actor says of itself. `problem` says why it could not start."""

    phase: Phase
    fingerprint: str
    where: str
    problem: str | None


def order_of(settings: Settings, gpus_per_worker: int) -> ActorOrder:
    """The order for actors with these settings."""
    given = settings.model_dump(exclude_unset=True) | {"data_dir": settings.data_dir}
    # With the secrets, which a dump as JSON would mask: with another key the actors are others.
    text = json.dumps([__version__, gpus_per_worker, settings.model_dump()], default=_plain)
    return ActorOrder(__version__, given, hashlib.sha256(text.encode()).hexdigest()[:16])


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


class FleetActor:
    """Runs a fleet from the start of the actor until it is drained. Its methods return at once.

    An error at the start does not raise: the controller reads it from `state`, and replaces the actor.
    """

    def __init__(self, order: ActorOrder, name: str, devices: Sequence[str]) -> None:
        self._where = f"{platform.node()}, {'GPU ' + ', '.join(devices) if devices else 'no GPU'}"
        self._fingerprint = order.fingerprint
        self._phase, self._problem = Phase.RUNNING, None
        self._fleet: Fleet | None = None
        self._open = ExitStack()
        try:
            self._start(order, name, devices)
        except (WanserveError, OSError) as error:
            log.error("%s cannot start: %s", name, error)
            self._open.close()
            self._phase, self._problem = Phase.LOST, f"{platform.node()}: {error}"

    def state(self) -> ActorState:
        """The state now."""
        return ActorState(self._phase, self._fingerprint, self._where, self._problem)

    def drain(self) -> None:
        """Claim nothing more, end what runs within the drain time, and then become ENDED."""
        if self._fleet is None or self._phase is not Phase.RUNNING:
            return
        self._phase = Phase.DRAINING
        self._fleet.drain()
        threading.Thread(target=self._end, args=(self._fleet,), name="end").start()

    def _start(self, order: ActorOrder, name: str, devices: Sequence[str]) -> None:
        if order.version != __version__:
            raise SetupError(f"wanserve {__version__} is installed there, and the controller is {order.version}")
        # On a node without a GPU's driver the numbers that Ray gives stand for nothing: the CPU computes, as without Ray.
        settings = actor_settings(Settings.model_validate(order.settings), name, devices if has_gpu() else ())
        start_logging(settings.log_level, settings.log_format, colours=colours_wanted())
        core, availability = self._open.enter_context(opened(settings, owner=False))
        parts = build_worker(settings, core, availability)
        parts.fleet.take_back()
        parts.fleet.start()
        self._fleet = parts.fleet

    def _end(self, fleet: Fleet) -> None:
        fleet.close()
        self._open.close()
        self._phase = Phase.ENDED


def actor_settings(settings: Settings, name: str, devices: Sequence[str]) -> Settings:
    """The settings of one actor: a data directory of its own below the node's, and the GPUs that Ray gave it.

    The weights in the node's data directory are used by all its actors. Raises SetupError.
    """
    own = settings.data_dir / "ray" / name
    try:
        own.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings.models_dir.mkdir(parents=True, exist_ok=True)
        _link(own / settings.models_dir.name, settings.models_dir)
    except OSError as error:
        raise SetupError(f"the data directory {own} cannot be made: {error.strerror}") from error
    return settings.model_copy(update={"data_dir": own, "devices": ",".join(devices) or None})


def _link(link: Path, target: Path) -> None:
    if not link.is_symlink():
        link.symlink_to(target)
