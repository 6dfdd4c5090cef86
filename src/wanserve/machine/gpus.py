"""Finds the GPUs of this machine that torch can use, and says why where it can use none.

The files of the drivers say at no cost whether there is a GPU at all. Then torch is asked, whose answer is the truth.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from wanserve.domain.errors import SetupError
from wanserve.machine.environment import process_environment
from wanserve.machine.torch_report import AskTorch, TorchDevice, TorchReport, ask_torch
from wanserve.machine.visible_devices import MIG, VisibleDevices, read_visible

DRIVER_VERSIONS: Final = ("sys/module/nvidia/version", "proc/driver/nvidia/version", "sys/module/amdgpu/version")
"""Files that contain the version of a driver. Containers hide some of them."""

_VERSION: Final = re.compile(r"\b\d+\.\d+(?:\.\d+)*\b")


def is_installed(library: str) -> bool:
    """Whether Python finds the library. It is not imported."""
    return find_spec(library) is not None


@dataclass(frozen=True, slots=True)
class Machine:
    """What is asked of this machine: its environment, the root of its file system, its libraries, and torch."""

    environment: Mapping[str, str] = field(default_factory=process_environment)
    root: Path = Path("/")
    ask: AskTorch = ask_torch
    is_installed: Callable[[str], bool] = is_installed


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU: its name, as the variable `to_set` takes it, and what torch says of it."""

    name: str
    to_set: str
    facts: TorchDevice


@dataclass(frozen=True, slots=True)
class Gpus:
    """The GPUs that may be used, in order.

    `problem` says why there are none, though there is one in the machine. `hidden`: that is so because a variable of
    the environment hides them all. `report` is what torch said; None where it was not asked.
    """

    found: tuple[Gpu, ...] = ()
    problem: str | None = None
    hidden: bool = False
    report: TorchReport | None = None


@dataclass(frozen=True, slots=True)
class GpuGroup:
    """GPUs that make one video together. `variables` are what a process is given so that it sees no others."""

    names: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def has_gpu(root: Path = Path("/")) -> bool:
    """Whether the driver of a GPU shows its device files. It may still be too old, or the GPU hidden.

    Containers have the file of the one GPU (`/dev/nvidia0`), and perhaps not `/dev/nvidiactl`. `/dev/dxg` is that of
    the Windows Subsystem for Linux. AMD needs two.
    """
    dev = root / "dev"
    nvidia = (dev / "nvidiactl").exists() or any(each.name[6:].isdecimal() for each in dev.glob("nvidia*"))
    return nvidia or (dev / "dxg").exists() or ((dev / "kfd").exists() and (dev / "dri").exists())


def driver_version(root: Path = Path("/")) -> str | None:
    """The version of the GPU's driver; None where no file tells it."""
    for name in DRIVER_VERSIONS:
        try:
            found = _VERSION.search((root / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if found:
            return found[0]
    return None


def find_gpus(machine: Machine, wanted: Sequence[str] = ()) -> Gpus:
    """Ask torch which GPUs it sees, and choose those in `wanted`: names as in its variable, or UUIDs, or their beginnings.

    Raises SetupError where torch does not start, or a wanted GPU is not there.
    """
    report = machine.ask(machine.environment)
    visible = read_visible(machine.environment, rocm=report.rocm is not None)
    seen = _named(report, visible, machine)
    if not seen and not any(name.startswith(MIG) for name in wanted):
        return Gpus((), _why_none(report, visible, machine), hidden=visible.names == (), report=report)
    chosen = tuple(_wanted(name, seen, visible, machine) for name in wanted) if wanted else seen
    names = [gpu.name for gpu in chosen]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise SetupError(f"devices (WANSERVE_DEVICES): the GPU {twice} is named twice")
    return Gpus(chosen, report=report)


def group_gpus(gpus: Sequence[Gpu], size: int) -> list[GpuGroup]:
    """Split the GPUs into groups of `size`. The rest stay idle.

    Raises SetupError where there are fewer than one group needs, or a group would be of parts of a GPU.
    """
    if len(gpus) < size:
        raise SetupError(f"gpus_per_video (WANSERVE_GPUS_PER_VIDEO) is {size}, and there are {len(gpus)} GPUs")
    if size > 1 and any(gpu.name.startswith(MIG) for gpu in gpus):
        raise SetupError(
            f"gpus_per_video (WANSERVE_GPUS_PER_VIDEO) is {size}, and MIG instances cannot work together: set it to 1"
        )
    groups = (gpus[first : first + size] for first in range(0, len(gpus) - size + 1, size))
    return [_group(tuple(gpu.name for gpu in each), each[0].to_set) for each in groups]


def _group(names: tuple[str, ...], to_set: str) -> GpuGroup:
    return GpuGroup(names, {to_set: ",".join(names)})


def _named(report: TorchReport, visible: VisibleDevices, machine: Machine) -> tuple[Gpu, ...]:
    """The GPUs that torch sees, with their names."""
    names = visible.names
    if names and names[0].startswith(MIG):
        # A process sees the first instance of the list only, so each of the others is asked for in one of its own.
        first = _gpus(names[:1], visible.to_set, report)
        rest = (_one(name, visible, machine) for name in names[1:] if name.startswith(MIG))
        return first + tuple(gpu for gpu in rest if gpu is not None)
    if names is None:
        names = tuple(map(str, range(len(report.devices))))
    elif len(names) < len(report.devices):
        # Read otherwise than the driver reads it: what torch sees counts, under the names that are sure.
        names = tuple(_uuid_name(device) for device in report.devices)
    return _gpus(names, visible.to_set, report)


def _gpus(names: Sequence[str], to_set: str, report: TorchReport) -> tuple[Gpu, ...]:
    # There may be more names than GPUs: the driver stops at the first name that none has.
    return tuple(Gpu(name, to_set, facts) for name, facts in zip(names, report.devices, strict=False))


def _one(name: str, visible: VisibleDevices, machine: Machine) -> Gpu | None:
    """The GPU with this name alone, asked for in a process that is given no other; None where there is none."""
    report = machine.ask({**machine.environment, visible.to_set: name})
    return next(iter(_gpus([name], visible.to_set, report)), None)


def _uuid_name(device: TorchDevice) -> str:
    return f"GPU-{device.uuid}"


def _wanted(name: str, seen: Sequence[Gpu], visible: VisibleDevices, machine: Machine) -> Gpu:
    """The GPU with this name or UUID, or the only one whose UUID begins so. Raises SetupError where there is none."""
    found = [gpu for gpu in seen if gpu.name == name]
    if not found and name.startswith("GPU-"):
        found = [gpu for gpu in seen if gpu.name.startswith(name) or _uuid_name(gpu.facts).startswith(name)]
    # Of the instances of a GPU a process sees one, so that those that torch has not named may be there too.
    if not found and name.startswith(MIG) and (one := _one(name, visible, machine)):
        found = [one]
    if len(found) == 1:
        return found[0]
    problem = f"more than one GPU begins with {name}" if found else f"there is no GPU {name}"
    there = ", ".join(f"{gpu.name} ({gpu.facts.name})" for gpu in seen) or "none"
    raise SetupError(f"devices (WANSERVE_DEVICES): {problem}: there are {there}")


def _why_none(report: TorchReport, visible: VisibleDevices, machine: Machine) -> str:
    """Why torch sees no GPU, though the machine has one; and what to do."""
    restricted = "" if visible.variable is None else f"{visible.variable}={machine.environment[visible.variable]}"
    if visible.names == ():
        return f"a GPU is here, but {restricted or visible.variable} hides it"
    torch = f"torch {report.torch}"
    if report.cuda is None and report.rocm is None:
        return f"a GPU is here, but {torch} was built without CUDA: install a torch for this GPU"
    if restricted and not report.problem:
        return f"a GPU is here, but {torch} sees none with {restricted}: name one that is there, or unset the variable"
    driver = driver_version(machine.root)
    reasons = (
        f"the driver is {driver}" if driver else "no file tells the driver's version",
        f"torch says: {report.problem}" if report.problem else "",
        f"{restricted} is set" if restricted else "",
    )
    why = ", ".join(filter(None, reasons))
    return f"a GPU is here, but {torch} does not see it: {why}: update the driver, or install a torch for it"
