"""What torch says of the GPUs that a process sees. It is asked in a process of its own: the server must not import it."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

from wanserve.domain.errors import SetupError
from wanserve.machine.visible_devices import VARIABLES

ASK_SECONDS: Final = 600.0
"""How long torch may take to start. From a cold network disk it takes minutes."""


class TorchUnusable(SetupError):
    """torch is installed, and does not start."""


@dataclass(frozen=True, slots=True)
class TorchDevice:
    """One GPU. `uuid` has no `GPU-` before it, and is "" where there is none; `capability` is NVIDIA's, else None.

    `bf16`: whether it has units that multiply matrices of such numbers.
    """

    name: str
    uuid: str
    total_bytes: int
    free_bytes: int
    capability: tuple[int, int] | None
    bf16: bool


@dataclass(frozen=True, slots=True)
class TorchReport:
    """The version of torch, of the CUDA or the ROCm that it was built for, and the GPUs that it sees.

    `problem` says in torch's words why it sees none; "" where it gives no reason. The host's bytes are of its memory.
    """

    torch: str
    cuda: str | None
    rocm: str | None
    problem: str
    host_free_bytes: int
    host_total_bytes: int
    devices: tuple[TorchDevice, ...]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The report that was written as JSON. Raises ValueError, KeyError, TypeError where it is none."""
        told: dict[str, Any] = json.loads(text)
        devices = tuple(_device(each) for each in told.pop("devices"))
        return cls(**{each.name: told[each.name] for each in fields(cls) if each.name != "devices"}, devices=devices)


def _device(told: dict[str, Any]) -> TorchDevice:
    capability = told.pop("capability")
    return TorchDevice(**told, capability=None if capability is None else (capability[0], capability[1]))


AskTorch = Callable[[Mapping[str, str]], TorchReport]
"""Asks torch in a process with this environment. Raises TorchUnusable."""


def ask_torch(environ: Mapping[str, str]) -> TorchReport:
    """See AskTorch."""
    command = [sys.executable, "-m", "wanserve.engine.wan.device"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=dict(environ), timeout=ASK_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise TorchUnusable(f"torch does not start: it was not ready within {ASK_SECONDS:.0f} s") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it wrote no message"])[-1]
        raise TorchUnusable(f"torch does not start: {last}")
    # Libraries of vendors write to stdout too; ours is the last line.
    return TorchReport.from_json(done.stdout.strip().splitlines()[-1])


@dataclass(slots=True)
class Remembered:
    """An AskTorch that asks another one, and only once for the same GPUs: torch takes seconds to start."""

    ask: AskTorch
    _told: dict[tuple[str | None, ...], TorchReport] = field(default_factory=dict, init=False)

    def __call__(self, environ: Mapping[str, str]) -> TorchReport:
        """See AskTorch."""
        key = tuple(environ.get(name) for name in VARIABLES)
        if key not in self._told:
            self._told[key] = self.ask(environ)
        return self._told[key]
