"""What torch says of the devices, as far as it can be tested without a GPU."""

import json
from dataclasses import asdict

import pytest
import torch

from tests.machines import card
from wanserve.engine.wan.device import (
    compute_capability,
    has_bf16_units,
    inspect_device,
    inspect_gpus,
    one_line,
    report_gpus,
)
from wanserve.machine.environment import process_environment
from wanserve.machine.torch_report import TorchDevice, TorchReport, TorchUnusable, ask_torch

CPU = torch.device("cpu")


TOO_OLD = (
    "CUDA initialization: The NVIDIA driver on your system is too old (found version 12020). Please update your GPU"
    " driver by downloading and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx"
    " Alternatively, go to: https://pytorch.org (Triggered internally at /pytorch/c10/cuda/CUDAFunctions.cpp:109.)"
)
NO_DRIVER = "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU\nand installed a driver"

BUSY = (
    "CUDA error: CUDA-capable device(s) is/are busy or unavailable\nCUDA kernel errors might be asynchronously reported"
    " at some other API call.\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.\n"
)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (TOO_OLD, "The NVIDIA driver on your system is too old (found version 12020)"),
        (NO_DRIVER, "Found no NVIDIA driver on your system"),
        (BUSY, "CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
        ("Torch not compiled with CUDA enabled", "Torch not compiled with CUDA enabled"),
    ],
)
def test_of_torchs_words_the_first_sentence_is_told(words: str, line: str) -> None:
    assert one_line(words) == line


def test_a_gpu_that_cannot_be_used_is_told_in_torchs_words() -> None:
    def busy(index: int) -> TorchDevice:
        if index == 1:
            raise RuntimeError(BUSY)
        return card(index)

    assert inspect_gpus(1, busy) == ((card(0),), "")
    assert inspect_gpus(2, busy) == ((), "CUDA error: CUDA-capable device(s) is/are busy or unavailable")


def test_a_process_of_its_own_tells_what_torch_is_and_sees() -> None:
    told = ask_torch({**process_environment(), "CUDA_VISIBLE_DEVICES": "-1"})
    assert (told.torch, told.cuda, told.rocm) == (torch.__version__, torch.version.cuda, torch.version.hip)
    assert told.devices == ()
    assert 0 < told.host_free_bytes <= told.host_total_bytes


def test_the_report_of_this_process_is_json() -> None:
    report = report_gpus()
    assert TorchReport.from_json(json.dumps(asdict(report))) == report
    if not torch.cuda.is_available():
        assert (report.devices, bool(report.problem)) == ((), True)
        cpu = inspect_device()
        assert (cpu.kind, cpu.bf16) == ("cpu", has_bf16_units(CPU))
        assert compute_capability(CPU) is None


def test_a_torch_that_does_not_start_is_told_by_its_last_line() -> None:
    with pytest.raises(TorchUnusable, match=r"^torch does not start: [^\n]+$"):
        ask_torch({"PYTHONHOME": "/nowhere"})
