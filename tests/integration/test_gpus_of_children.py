"""Each worker's child process sees its own GPUs only: real processes, on a machine whose GPUs are stand-ins."""

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import needs
from tests.machines import Torch, card, nvidia
from wanserve.app import build_worker
from wanserve.cli.standalone import standalone
from wanserve.core import make_folders, open_core
from wanserve.machine.gpus import Machine
from wanserve.models.availability import Availability, find_availability
from wanserve.models.catalogue import Served
from wanserve.settings import Settings, load
from wanserve.worker.protocol import Loaded
from wanserve.worker.supervisor import Supervisor

TINY = Path(__file__).parents[1] / "assets" / "tiny-wan"
TURBO = "wanx2.1-t2v-turbo"


def settings(folder: Path, **given: Any) -> Settings:
    models = {TURBO: {"weights": str(TINY)}}
    return load({"data_dir": folder / "data", "engine": "wan", "models": models, **given}, {}, folder / "none.toml")


def machine(folder: Path) -> Machine:
    """Four cards, with the environment of this process."""
    torch = Torch([card(number) for number in range(4)])
    without = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    return replace(nvidia(folder / "root", torch), environment=without)


def variable_of(child: Supervisor) -> list[str]:
    """What the running process has as CUDA_VISIBLE_DEVICES."""
    variables = Path(f"/proc/{child.pid}/environ").read_text().split("\0")
    return [
        each.removeprefix("CUDA_VISIBLE_DEVICES=") for each in variables if each.startswith("CUDA_VISIBLE_DEVICES=")
    ]


def children(chosen: Settings, availability: Availability) -> dict[str, Any]:
    """The children of a worker's process by the names of their devices, started; what each was given as the variable."""
    make_folders(chosen)
    given = {}
    with closing(open_core(chosen, Served(availability.cards, frozenset({availability.engine})))) as core:
        for member in build_worker(chosen, core, availability).fleet.members:
            child = member.worker.child
            assert isinstance(child, Supervisor)
            child.start()
            given[member.registered.device] = (variable_of(child), member.registered.devices)
            child.kill()
    return given


def test_each_gpu_has_a_worker_and_a_child_of_its_own(tmp_path: Path) -> None:
    chosen = settings(tmp_path, devices="0, 3")
    availability = find_availability(chosen, machine(tmp_path))
    assert children(chosen, availability) == {"gpu 0": (["0"], ("0",)), "gpu 3": (["3"], ("3",))}


def test_a_group_has_one_child_that_sees_all_of_it(tmp_path: Path) -> None:
    chosen = settings(tmp_path, gpus_per_video=2)
    availability = find_availability(chosen, machine(tmp_path))
    assert children(chosen, availability) == {"gpu 0,1": (["0,1"], ("0", "1")), "gpu 2,3": (["2,3"], ("2", "3"))}


def test_a_command_without_a_server_takes_the_first_of_the_gpus(tmp_path: Path) -> None:
    chosen = settings(tmp_path, devices="2,3")
    with standalone(chosen, find_availability(chosen, machine(tmp_path))) as engine:
        engine.child.start()
        assert variable_of(engine.child) == ["2"]


def test_without_a_gpu_the_child_has_the_environment_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    chosen = settings(tmp_path)
    availability = find_availability(chosen, Machine(root=tmp_path))
    assert children(chosen, availability) == {"cpu": (["-1"], ())}


def test_a_child_that_is_given_a_gpu_which_is_not_there_loads_on_the_cpu_of_this_machine(tmp_path: Path) -> None:
    # The variable reaches the real torch of the child, which finds none of the stand-ins.
    needs.library("torch")
    chosen = settings(tmp_path, devices="3")
    with standalone(chosen, find_availability(chosen, machine(tmp_path))) as engine:
        engine.child.start()
        engine.child.load(TURBO)
        assert engine.child.next_event(120) == Loaded(TURBO)
