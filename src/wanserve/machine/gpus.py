"""Knows the GPUs of this machine by what their drivers show in the file system: no library of theirs is loaded."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from wanserve.domain.errors import SetupError

VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
"""Heeded by NVIDIA's and by AMD's runtime. A child sees the devices that are named in it, from 0 on."""

NODES: Final = ("dev/nvidiactl", "dev/kfd", "dev/dxg")
"""What the drivers of NVIDIA, of AMD and of Windows' Linux put there."""


def has_gpu(root: Path = Path("/")) -> bool:
    """Whether the driver of any GPU is loaded."""
    return any((root / node).exists() for node in NODES)


def found(environ: Mapping[str, str], root: Path = Path("/")) -> list[str]:
    """The GPUs that this process may use, by the names that `VISIBLE` takes; none where they cannot be told apart."""
    if VISIBLE in environ:
        return [name.strip() for name in environ[VISIBLE].split(",") if name.strip()]
    nvidia = root / "proc/driver/nvidia/gpus"
    amd = root / "sys/class/kfd/kfd/topology/nodes"
    count = len(list(nvidia.iterdir())) if nvidia.is_dir() else sum(map(_is_gpu, amd.glob("*/gpu_id")))
    return [str(number) for number in range(count)]


def groups(devices: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """The devices in groups of `size`, which work on one video together; what is left over stays idle.

    Raises SetupError where there are fewer than one group needs.
    """
    if len(devices) < size:
        raise SetupError(f"gpus_per_video (WANSERVE_GPUS_PER_VIDEO) is {size}, and there are {len(devices)} GPUs")
    return [tuple(devices[first : first + size]) for first in range(0, len(devices) - size + 1, size)]


def _is_gpu(gpu_id: Path) -> bool:
    # A processor is a node too; its id is 0.
    return gpu_id.read_text(encoding="utf-8").strip() != "0"
