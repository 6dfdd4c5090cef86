"""Inspects the device that this process computes on: what it is, and how much memory is free on it and on the host."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import psutil
import torch

from wanserve.domain.errors import EngineExhausted

FP8_CAPABILITY = (8, 9)
"""The first generation of NVIDIA's that multiplies fp8 matrices."""


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device and its memory. `kind` is `cuda` (NVIDIA or AMD) or `cpu`, whose memory is the host's."""

    kind: str
    name: str
    count: int
    free_bytes: int
    total_bytes: int
    host_bytes: int
    fp8: bool


def inspect_device() -> DeviceInfo:
    """The first device of this process, and the memory that is free now."""
    host = psutil.virtual_memory()
    if not torch.cuda.is_available():
        return DeviceInfo("cpu", "CPU", 1, host.available, host.total, host.available, fp8=False)
    free, total = torch.cuda.mem_get_info()
    fp8 = torch.version.hip is None and torch.cuda.get_device_capability() >= FP8_CAPABILITY
    name, count = torch.cuda.get_device_name(), torch.cuda.device_count()
    return DeviceInfo("cuda", name, count, free, total, host.available, fp8=fp8)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error says that memory has run out. A CPU's allocator has no class of its own for it."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )


@contextmanager
def told_where(doing: str) -> Iterator[None]:
    """Turn running out of memory into EngineExhausted, with what was being done and the numbers."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        now = inspect_device()
        raise EngineExhausted(
            f"out of memory while {doing}: {(now.total_bytes - now.free_bytes) / 1e9:.1f} of {now.total_bytes / 1e9:.1f} GB"
            f" of the {now.name} are in use"
        ) from None


def main() -> None:
    """Print the device as JSON, for a process that must not import torch itself."""
    print(json.dumps(asdict(inspect_device())))  # noqa: T201 - this is the answer


if __name__ == "__main__":
    main()
