"""Finding the GPUs of the machine by what their drivers show in the file system."""

from pathlib import Path

import pytest

from wanserve.domain.errors import SetupError
from wanserve.machine.gpus import group_gpus, has_gpu, visible_gpus


def test_a_machine_without_a_driver_has_none(tmp_path: Path) -> None:
    assert not has_gpu(tmp_path)
    assert visible_gpus({}, tmp_path) == []


def test_nvidia_has_a_folder_for_each(tmp_path: Path) -> None:
    for bus in ("0000:17:00.0", "0000:65:00.0"):
        (tmp_path / "proc/driver/nvidia/gpus" / bus).mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidiactl").touch()
    assert has_gpu(tmp_path)
    assert visible_gpus({}, tmp_path) == ["0", "1"]


def test_amd_has_a_node_for_each_and_for_the_processor(tmp_path: Path) -> None:
    for node, gpu_id in (("0", "0\n"), ("1", "51234\n"), ("2", "4711\n")):
        folder = tmp_path / "sys/class/kfd/kfd/topology/nodes" / node
        folder.mkdir(parents=True)
        (folder / "gpu_id").write_text(gpu_id)
    assert visible_gpus({}, tmp_path) == ["0", "1"]


@pytest.mark.parametrize(
    ("visible", "expected"), [("2", ["2"]), ("0, 3", ["0", "3"]), ("GPU-8f1a", ["GPU-8f1a"]), ("", [])]
)
def test_what_the_environment_allows_comes_first(visible: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "proc/driver/nvidia/gpus/0000:17:00.0").mkdir(parents=True)
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": visible}, tmp_path) == expected


def test_a_group_is_what_works_on_one_video() -> None:
    assert group_gpus(["0", "1", "2"], 1) == [("0",), ("1",), ("2",)]
    assert group_gpus(["0", "1", "2", "3", "4"], 2) == [("0", "1"), ("2", "3")]
    with pytest.raises(SetupError, match=r"gpus_per_video .* is 4, and there are 2 GPUs"):
        group_gpus(["0", "1"], 4)
