"""Inspects the device that this process computes on, and handles running out of memory on it."""

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import psutil
import torch

from wanserve.domain.errors import EngineExhausted

FP8_CAPABILITY = (8, 9)
"""The compute capability of the first NVIDIA GPUs that multiply fp8 matrices."""


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
    """Whether the error says that memory has run out. PyTorch's CPU allocator has no exception class for it."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )


@contextmanager
def memory_errors(activity: str) -> Iterator[None]:
    """Within the block, turn an out-of-memory error into EngineExhausted, which names the activity and the memory."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        now = inspect_device()
        used_gb, total_gb = (now.total_bytes - now.free_bytes) / 1e9, now.total_bytes / 1e9
        raise EngineExhausted(
            f"out of memory while {activity}: {used_gb:.1f} of {total_gb:.1f} GB of the {now.name} are in use"
        ) from None


def release_memory() -> None:
    """Collect garbage, and give the GPU memory that no tensor uses any more back to the driver."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def main() -> None:
    """Print the device as JSON, for a process that must not import torch itself."""
    print(json.dumps(asdict(inspect_device())))  # noqa: T201 - this is the answer


if __name__ == "__main__":
    main()
