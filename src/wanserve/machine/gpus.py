"""Finds the GPUs of this machine from what their drivers show in the file system. Loads none of their libraries."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from wanserve.domain.errors import SetupError

VISIBLE_DEVICES: Final = "CUDA_VISIBLE_DEVICES"
"""NVIDIA's and AMD's runtimes both read it. A process sees only the devices that it names, numbered from 0."""

DEVICE_FILES: Final = ("dev/nvidiactl", "dev/kfd", "dev/dxg")
"""Device files of the drivers of NVIDIA, of AMD, and of the Windows Subsystem for Linux."""


def has_gpu(root: Path = Path("/")) -> bool:
    """Whether the driver of any GPU is loaded."""
    return any((root / node).exists() for node in DEVICE_FILES)


def visible_gpus(environ: Mapping[str, str], root: Path = Path("/")) -> list[str]:
    """The GPUs that this process may use, named as in `VISIBLE_DEVICES`; empty where the drivers list none."""
    if VISIBLE_DEVICES in environ:
        return [name.strip() for name in environ[VISIBLE_DEVICES].split(",") if name.strip()]
    nvidia = root / "proc/driver/nvidia/gpus"
    amd = root / "sys/class/kfd/kfd/topology/nodes"
    count = len(list(nvidia.iterdir())) if nvidia.is_dir() else sum(map(_is_gpu, amd.glob("*/gpu_id")))
    return [str(number) for number in range(count)]


def group_gpus(devices: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """Split the devices into groups of `size`: the devices of a group make one video together. The rest stay idle.

    Raises SetupError where there are fewer devices than one group needs.
    """
    if len(devices) < size:
        raise SetupError(f"gpus_per_video (WANSERVE_GPUS_PER_VIDEO) is {size}, and there are {len(devices)} GPUs")
    return [tuple(devices[first : first + size]) for first in range(0, len(devices) - size + 1, size)]


def _is_gpu(gpu_id: Path) -> bool:
    # The CPU is listed too; its GPU id is 0.
    return gpu_id.read_text(encoding="utf-8").strip() != "0"
