"""Reads the variables that say which GPUs a process may use, as the drivers' libraries read them. Pure.

They only give names: how many GPUs a process sees is known once a library of the driver was asked in it. Sources:
NVIDIA's CUDA programming guide, "CUDA environment variables", and for what it leaves out `_parse_visible_devices` of
torch.cuda; AMD's "GPU isolation techniques", and `rocdevice.cpp` of ROCclr, which reads them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

CUDA: Final = "CUDA_VISIBLE_DEVICES"
HIP: Final = "HIP_VISIBLE_DEVICES"
ROCR: Final = "ROCR_VISIBLE_DEVICES"
VARIABLES: Final = (CUDA, HIP, ROCR)
"""The variables that are read. GPU_DEVICE_ORDINAL is not among them: ROCclr reads it for OpenCL and not for HIP."""

MIG: Final = "MIG-"
"""Begins the name of a part of an NVIDIA GPU (Multi-Instance GPU). A process sees one of them, whatever it is given."""

# As C's strtoul, which CUDA reads numbers with: what follows the digits is ignored.
_NUMBER: Final = re.compile(r"[+-]?\d+")
_UUID_PREFIXES: Final = ("GPU-", MIG)


@dataclass(frozen=True, slots=True)
class VisibleDevices:
    """What the environment lets a process see.

    `names`: the GPUs by name, in the order in which they are numbered; None where no variable restricts them.
    `variable`: the one that restricts them, or None. `to_set` is the variable that gives a child process some of them.
    """

    names: tuple[str, ...] | None
    variable: str | None
    to_set: str


def read_visible(environ: Mapping[str, str], *, rocm: bool) -> VisibleDevices:
    """Read the variables as NVIDIA's CUDA reads them, or as AMD's ROCm does where `rocm` is set."""
    return _read_rocm(environ) if rocm else _read_cuda(environ)


def _read_cuda(environ: Mapping[str, str]) -> VisibleDevices:
    if CUDA not in environ:
        return VisibleDevices(None, None, CUDA)
    names = _cut(_cuda_name(entry) for entry in environ[CUDA].split(","))
    # A GPU that is named twice makes CUDA see none at all.
    return VisibleDevices(() if len(set(names)) < len(names) else names, CUDA, CUDA)


def _read_rocm(environ: Mapping[str, str]) -> VisibleDevices:
    """ROCR_VISIBLE_DEVICES comes first, also where it is empty. The others number the GPUs that it leaves.

    HIP_VISIBLE_DEVICES goes before CUDA_VISIBLE_DEVICES, and one that is empty counts as unset.
    """
    if ROCR in environ and not _cut(_rocm_name(entry.strip()) for entry in environ[ROCR].split(",")):
        return VisibleDevices((), ROCR, HIP)
    variable = next((name for name in (HIP, CUDA) if environ.get(name)), None)
    if variable is None:
        return VisibleDevices(None, None, HIP)
    names = _cut(_rocm_name(entry) for entry in environ[variable].split(","))
    return VisibleDevices(tuple(dict.fromkeys(names)), variable, HIP)


def _cut(names: Iterable[str | None]) -> tuple[str, ...]:
    """The names before the first entry that is not valid: what follows such an entry is hidden."""
    found: list[str] = []
    for name in names:
        if name is None:
            break
        found.append(name)
    return tuple(found)


def _cuda_name(entry: str) -> str | None:
    entry = entry.strip()
    if entry.startswith(_UUID_PREFIXES):
        return entry
    number = _NUMBER.match(entry)
    return str(int(number[0])) if number and int(number[0]) >= 0 else None


def _rocm_name(entry: str) -> str | None:
    # ROCclr compares the entry with the number that it reads in it, so that a blank makes it invalid.
    if entry.startswith("GPU-") or (entry.isdecimal() and str(int(entry)) == entry):
        return entry
    return None
