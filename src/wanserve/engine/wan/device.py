"""Inspects the devices that this process computes on, and handles running out of memory on them."""

import gc
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import psutil
import torch

from wanserve.domain.errors import EngineExhausted
from wanserve.machine.torch_report import TorchDevice, TorchReport


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device and its memory. `kind` is `cuda` (NVIDIA or AMD) or `cpu`, whose memory is the host's.

    `bf16`: whether it has units that multiply matrices of such numbers.
    """

    kind: str
    name: str
    count: int
    free_bytes: int
    total_bytes: int
    host_bytes: int
    bf16: bool


def inspect_device() -> DeviceInfo:
    """The first device of this process, and the memory that is free now."""
    host = psutil.virtual_memory()
    if not torch.cuda.is_available():
        bf16 = has_bf16_units(torch.device("cpu"))
        return DeviceInfo("cpu", "CPU", 1, host.available, host.total, host.available, bf16=bf16)
    first, count = inspect_gpu(torch.cuda.current_device()), torch.cuda.device_count()
    return DeviceInfo("cuda", first.name, count, first.free_bytes, first.total_bytes, host.available, bf16=first.bf16)


def inspect_gpu(index: int) -> TorchDevice:
    """One of the GPUs that this process sees."""
    free, total = torch.cuda.mem_get_info(index)
    return TorchDevice(
        name=torch.cuda.get_device_name(index),
        uuid=str(getattr(torch.cuda.get_device_properties(index), "uuid", "")),
        total_bytes=total,
        free_bytes=free,
        capability=compute_capability(torch.device("cuda", index)),
        bf16=has_bf16_units(torch.device("cuda", index)),
    )


def compute_capability(device: torch.device) -> tuple[int, int] | None:
    """NVIDIA's number of what a GPU can do, such as (9, 0) for an H100; None for any other device."""
    # AMD's numbers look the same, and mean something else.
    if device.type != "cuda" or torch.version.hip is not None:
        return None
    return torch.cuda.get_device_capability(device)


def has_bf16_units(device: torch.device) -> bool:
    """Whether the device computes bf16 faster than fp32: NVIDIA's GPUs since 2020, AMD's, and newer server CPUs."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    units = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return device.type == "cpu" and bool(units)


def report_gpus() -> TorchReport:
    """What torch is, and which GPUs it sees in this process, or why it sees none."""
    host = psutil.virtual_memory()
    problem = _why_none()
    devices: tuple[TorchDevice, ...] = ()
    if problem is None:
        devices, problem = inspect_gpus(torch.cuda.device_count())
    return TorchReport(
        torch=str(torch.__version__),
        cuda=torch.version.cuda,
        rocm=torch.version.hip,
        problem=problem,
        host_free_bytes=host.available,
        host_total_bytes=host.total,
        devices=devices,
    )


def inspect_gpus(
    count: int, inspect: Callable[[int], TorchDevice] = inspect_gpu
) -> tuple[tuple[TorchDevice, ...], str]:
    """So many GPUs; or none, and torch's words, where one of them cannot be used, as where another process has it alone."""
    try:
        return tuple(map(inspect, range(count))), ""
    except RuntimeError as error:
        return (), one_line(str(error))


def _why_none() -> str | None:
    """Why torch sees no GPU, in one line of its own words; None where it sees one."""
    # What it finds wrong with a driver is a warning, and the process goes on as if there were no GPU.
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        if torch.cuda.is_available():
            return None
        words = [str(each.message) for each in warned if "CUDA" in str(each.message) or "driver" in str(each.message)]
        try:
            torch.cuda.init()  # type: ignore[no-untyped-call]
        except (RuntimeError, AssertionError) as error:
            words.append(str(error))
    return one_line(words[0]) if words else ""


def one_line(words: str) -> str:
    """The first sentence of a message of torch, without where in its source it was written."""
    text = words.split("(Triggered internally", maxsplit=1)[0].strip().partition("\n")[0]
    return text.removeprefix("CUDA initialization: ").split(". ")[0].strip(" .")


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
    """Print the report as JSON, for a process that must not import torch itself."""
    print(json.dumps(asdict(report_gpus())))  # noqa: T201 - this is the answer


if __name__ == "__main__":
    main()
