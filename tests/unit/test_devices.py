"""Which GPUs may be used: what variables and device files say, and what torch says of them."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.machines import GB, UUIDS, Torch, card, nvidia, with_files
from wanserve.domain.errors import SetupError
from wanserve.machine.gpus import Gpu, GpuGroup, Machine, driver_version, find_gpus, group_gpus, has_gpu
from wanserve.machine.torch_report import Remembered, TorchReport
from wanserve.machine.visible_devices import read_visible

MIGS = ("MIG-11111111-0000-0000-0000-000000000000", "MIG-22222222-0000-0000-0000-000000000000")


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("2", ("2",)),
        ("0,3", ("0", "3")),
        (" 0 , 3 ", ("0", "3")),
        ("2,1", ("2", "1")),
        ("0,2,-1,1", ("0", "2")),
        ("-1", ()),
        ("", ()),
        ("  ", ()),
        ("0,,1", ("0",)),
        ("NoDevFiles", ()),
        ("4,3,two,1", ("4", "3")),
        ("0,1,2,1", ()),
        ("1gpu2,2ampere", ("1", "2")),
        ("2,+3,-0", ("2", "3", "0")),
        ("GPU-8f1a", ("GPU-8f1a",)),
        ("GPU-8f1a,GPU-8f1b", ("GPU-8f1a", "GPU-8f1b")),
        ("GPU-8f1a,GPU-8f1a", ()),
        (",".join(MIGS), MIGS),
    ],
)
def test_cuda_reads_its_variable_up_to_the_first_entry_that_is_not_valid(value: str, names: tuple[str, ...]) -> None:
    visible = read_visible({"CUDA_VISIBLE_DEVICES": value}, rocm=False)
    assert (visible.names, visible.variable) == (names, "CUDA_VISIBLE_DEVICES")
    assert visible.to_set == "CUDA_VISIBLE_DEVICES"


def test_cuda_reads_none_of_amds_variables() -> None:
    amds = {"HIP_VISIBLE_DEVICES": "", "ROCR_VISIBLE_DEVICES": "", "GPU_DEVICE_ORDINAL": "1"}
    assert read_visible(amds, rocm=False).names is None


@pytest.mark.parametrize(
    ("environ", "names", "variable"),
    [
        ({}, None, None),
        ({"HIP_VISIBLE_DEVICES": "1,0"}, ("1", "0"), "HIP_VISIBLE_DEVICES"),
        ({"CUDA_VISIBLE_DEVICES": "1"}, ("1",), "CUDA_VISIBLE_DEVICES"),
        ({"HIP_VISIBLE_DEVICES": "2", "CUDA_VISIBLE_DEVICES": "1"}, ("2",), "HIP_VISIBLE_DEVICES"),
        ({"HIP_VISIBLE_DEVICES": "", "CUDA_VISIBLE_DEVICES": "1"}, ("1",), "CUDA_VISIBLE_DEVICES"),
        ({"CUDA_VISIBLE_DEVICES": ""}, None, None),
        ({"HIP_VISIBLE_DEVICES": "-1"}, (), "HIP_VISIBLE_DEVICES"),
        ({"HIP_VISIBLE_DEVICES": "0,7x,1"}, ("0",), "HIP_VISIBLE_DEVICES"),
        ({"HIP_VISIBLE_DEVICES": "0, 1"}, ("0",), "HIP_VISIBLE_DEVICES"),
        ({"HIP_VISIBLE_DEVICES": "1,1,0"}, ("1", "0"), "HIP_VISIBLE_DEVICES"),
        ({"HIP_VISIBLE_DEVICES": "GPU-4b2c1a9f8d3e6f7a"}, ("GPU-4b2c1a9f8d3e6f7a",), "HIP_VISIBLE_DEVICES"),
        ({"GPU_DEVICE_ORDINAL": "1"}, None, None),
        # What it leaves is numbered from 0, so that its own names are of no use to a child process.
        ({"ROCR_VISIBLE_DEVICES": "3,GPU-DEADBEEF"}, None, None),
        ({"ROCR_VISIBLE_DEVICES": ""}, (), "ROCR_VISIBLE_DEVICES"),
        ({"ROCR_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "0"}, (), "ROCR_VISIBLE_DEVICES"),
        ({"ROCR_VISIBLE_DEVICES": "2, 3", "HIP_VISIBLE_DEVICES": "1"}, ("1",), "HIP_VISIBLE_DEVICES"),
    ],
)
def test_rocm_has_variables_of_its_own(
    environ: dict[str, str], names: tuple[str, ...] | None, variable: str | None
) -> None:
    visible = read_visible(environ, rocm=True)
    assert (visible.names, visible.variable, visible.to_set) == (names, variable, "HIP_VISIBLE_DEVICES")


@pytest.mark.parametrize(
    "files", [["dev/nvidiactl"], ["dev/nvidia0"], ["dev/nvidia11"], ["dev/dxg"], ["dev/kfd", "dev/dri/renderD128"]]
)
def test_device_files_show_that_there_is_a_gpu(files: list[str], tmp_path: Path) -> None:
    assert not has_gpu(tmp_path)
    assert has_gpu(with_files(tmp_path, *files))


@pytest.mark.parametrize("files", [["dev/kfd"], ["dev/dri/card0"], ["dev/nvidia-uvm"], ["dev/nvidia-modeset"]])
def test_other_files_show_none(files: list[str], tmp_path: Path) -> None:
    assert not has_gpu(with_files(tmp_path, *files))


@pytest.mark.parametrize(
    ("file", "text", "version"),
    [
        ("sys/module/nvidia/version", "535.54.03\n", "535.54.03"),
        (
            "proc/driver/nvidia/version",
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (root@x)  Thu Jan 23\n",
            "570.86.15",
        ),
        (
            "proc/driver/nvidia/version",
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6 22:20:39 UTC 2023\nGCC version: 12.2.0\n",
            "535.54.03",
        ),
        ("sys/module/amdgpu/version", "6.10.5\n", "6.10.5"),
        ("proc/driver/nvidia/version", "nothing\n", None),
    ],
)
def test_the_drivers_files_tell_its_version(file: str, text: str, version: str | None, tmp_path: Path) -> None:
    assert driver_version(tmp_path) is None
    with_files(tmp_path, file).joinpath(file).write_text(text)
    assert driver_version(tmp_path) == version


def named(machine: Machine, *wanted: str) -> list[tuple[str, str]]:
    """The names of the GPUs that are found, each with torch's name of the card."""
    return [(gpu.name, gpu.facts.name) for gpu in find_gpus(machine, wanted).found]


def test_torch_says_how_many_there_are_and_the_variable_what_they_are_called(tmp_path: Path) -> None:
    four = Torch([card(number) for number in range(4)])
    assert named(nvidia(tmp_path, four)) == [(str(number), f"Card {number}") for number in range(4)]
    assert named(nvidia(tmp_path, four, CUDA_VISIBLE_DEVICES="3, 1")) == [("3", "Card 3"), ("1", "Card 1")]
    # CUDA stops at 9, which is not there, and at -1.
    assert named(nvidia(tmp_path, four, CUDA_VISIBLE_DEVICES="1,9,0")) == [("1", "Card 1")]
    assert named(nvidia(tmp_path, four, CUDA_VISIBLE_DEVICES="0,-1,1")) == [("0", "Card 0")]


def test_what_torch_counts_is_the_truth_whatever_the_variable_seems_to_say(tmp_path: Path) -> None:
    # A container may number the GPUs in its own way; torch sees both.
    seen = [card(0), card(1)]
    machine = Machine(
        {"CUDA_VISIBLE_DEVICES": "5"}, tmp_path, lambda _: TorchReport("2", "13", None, "", 1, 1, (*seen,))
    )
    assert named(machine) == [(f"GPU-{uuid}", f"Card {number}") for number, uuid in enumerate(UUIDS)]


def test_some_of_them_may_be_wanted_by_number_or_by_the_beginning_of_the_uuid(tmp_path: Path) -> None:
    machine = nvidia(tmp_path, Torch([card(0), card(1), card(2)]))
    assert named(machine, "2", "0") == [("2", "Card 2"), ("0", "Card 0")]
    assert named(machine, "GPU-8f1b") == [("1", "Card 1")]
    assert named(machine, f"GPU-{UUIDS[0]}") == [("0", "Card 0")]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (["0", "3"], "there is no GPU 3: there are 0 (Card 0), 1 (Card 1)"),
        (["GPU-9"], "there is no GPU GPU-9: there are 0 (Card 0), 1 (Card 1)"),
        (["GPU-8f"], "more than one GPU begins with GPU-8f: there are 0 (Card 0), 1 (Card 1)"),
        (["0", "GPU-8f1a"], "the GPU 0 is named twice"),
        (["MIG-1"], "there is no GPU MIG-1: there are 0 (Card 0), 1 (Card 1)"),
    ],
)
def test_a_gpu_that_is_not_there_is_refused_with_those_that_are(wanted: list[str], says: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError) as refusal:
        find_gpus(nvidia(tmp_path, Torch([card(0), card(1)])), wanted)
    assert str(refusal.value) == f"devices (WANSERVE_DEVICES): {says}"


def test_each_instance_of_a_gpu_is_asked_for_alone_because_a_process_sees_one(tmp_path: Path) -> None:
    torch = Torch([card(0)], instances={MIGS[0]: card(5), MIGS[1]: card(6)})
    both = [(MIGS[0], "Card 5"), (MIGS[1], "Card 6")]
    assert named(nvidia(tmp_path, torch, CUDA_VISIBLE_DEVICES=",".join(MIGS))) == both
    assert [each.get("CUDA_VISIBLE_DEVICES") for each in torch.asked] == [",".join(MIGS), MIGS[1]]
    # Where no variable names them, the settings can.
    assert named(nvidia(tmp_path, torch), *MIGS) == both
    with pytest.raises(
        SetupError, match=r"gpus_per_video .* is 2, and MIG instances cannot work together: set it to 1"
    ):
        group_gpus(find_gpus(nvidia(tmp_path, torch), MIGS).found, 2)


def test_on_rocm_the_child_gets_amds_variable(tmp_path: Path) -> None:
    torch = Torch([card(0), card(1)], version="2.13.0+rocm7.1", cuda=None, rocm="7.1")
    machine = Machine({"CUDA_VISIBLE_DEVICES": "1,0", "ROCR_VISIBLE_DEVICES": "4,5"}, tmp_path, torch)
    groups = group_gpus(find_gpus(machine).found, 1)
    assert [group.variables for group in groups] == [{"HIP_VISIBLE_DEVICES": "1"}, {"HIP_VISIBLE_DEVICES": "0"}]


UPDATE = "update the driver, or install a torch for it"
TOO_OLD = "The NVIDIA driver on your system is too old (found version 12020)"


@pytest.mark.parametrize(
    ("torch", "environ", "says"),
    [
        (
            Torch(problem=TOO_OLD),
            {},
            f"torch 2.13.0+cu130 does not see it: the driver is 535.54.03, torch says: {TOO_OLD}: {UPDATE}",
        ),
        (
            Torch(version="2.13.0+cpu", cuda=None, problem="Torch not compiled with CUDA enabled"),
            {},
            "torch 2.13.0+cpu was built without CUDA: install a torch for this GPU",
        ),
        (Torch([card()]), {"CUDA_VISIBLE_DEVICES": "-1"}, "CUDA_VISIBLE_DEVICES=-1 hides it"),
        (Torch([card()]), {"CUDA_VISIBLE_DEVICES": ""}, "CUDA_VISIBLE_DEVICES= hides it"),
        (
            Torch([card()]),
            {"CUDA_VISIBLE_DEVICES": "4"},
            "torch 2.13.0+cu130 sees none with CUDA_VISIBLE_DEVICES=4: name one that is there, or unset the variable",
        ),
    ],
)
def test_why_there_is_none_is_told_in_one_line(
    torch: Torch, environ: dict[str, str], says: str, tmp_path: Path
) -> None:
    gpus = find_gpus(nvidia(tmp_path, torch, "535.54.03", **environ))
    assert (gpus.found, gpus.problem) == ((), f"a GPU is here, but {says}")
    assert gpus.hidden == says.endswith("hides it")


def test_a_driver_that_tells_no_version_is_told_as_that(tmp_path: Path) -> None:
    gpus = find_gpus(nvidia(tmp_path, Torch()))
    assert "does not see it: no file tells the driver's version: update the driver" in (gpus.problem or "")


def test_a_group_is_what_works_on_one_video() -> None:
    five = [Gpu(str(number), "CUDA_VISIBLE_DEVICES", card(number)) for number in range(5)]
    assert [group.names for group in group_gpus(five[:3], 1)] == [("0",), ("1",), ("2",)]
    assert group_gpus(five, 2) == [
        GpuGroup(("0", "1"), {"CUDA_VISIBLE_DEVICES": "0,1"}),
        GpuGroup(("2", "3"), {"CUDA_VISIBLE_DEVICES": "2,3"}),
    ]
    with pytest.raises(SetupError, match=r"gpus_per_video .* is 4, and there are 2 GPUs"):
        group_gpus(five[:2], 4)


def test_a_report_is_the_same_after_the_way_through_json() -> None:
    report = TorchReport("2", None, "7.1", "", 3 * GB, 4 * GB, (card(0), card(1, capability=None)))
    assert TorchReport.from_json(json.dumps(asdict(report))) == report


def test_the_same_gpus_are_asked_for_once() -> None:
    torch = Torch([card()])
    remembered = Remembered(torch)
    for environ in ({}, {"PATH": "/bin"}, {"CUDA_VISIBLE_DEVICES": "-1"}, {}):
        assert remembered(environ).torch == torch.version
    assert len(torch.asked) == 2
