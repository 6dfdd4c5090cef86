"""Machines with GPUs that are not there: a folder as the root of their file system, and a stand-in for torch's process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wanserve.machine.gpus import Machine
from wanserve.machine.torch_report import TorchDevice, TorchReport
from wanserve.machine.visible_devices import read_visible

GB = 10**9
UUIDS = ("8f1a0000-0000-0000-0000-000000000000", "8f1b0000-0000-0000-0000-000000000000")


def card(number: int = 0, *, capability: tuple[int, int] | None = (8, 9), bf16: bool = True) -> TorchDevice:
    """The facts of a card; two of them have a UUID of their own."""
    uuid = UUIDS[number] if number < len(UUIDS) else f"{number:08d}-0000-0000-0000-000000000000"
    return TorchDevice(f"Card {number}", uuid, 80 * GB, 78 * GB, capability, bf16)


@dataclass
class Torch:
    """An AskTorch that sees the first `count` cards as far as the environment lets it, and notes what it was asked.

    `unknown`: what it says where it sees none for another reason. MIG instances are in `instances`, by name.
    """

    cards: Sequence[TorchDevice] = ()
    version: str = "2.13.0+cu130"
    cuda: str | None = "13.0"
    rocm: str | None = None
    problem: str = ""
    instances: Mapping[str, TorchDevice] = field(default_factory=dict)
    asked: list[Mapping[str, str]] = field(default_factory=list)

    def __call__(self, environ: Mapping[str, str]) -> TorchReport:
        """See AskTorch."""
        self.asked.append(dict(environ))
        seen = tuple(self._seen(environ))
        problem = "" if seen else self.problem
        return TorchReport(self.version, self.cuda, self.rocm, problem, 64 * GB, 128 * GB, seen)

    def _seen(self, environ: Mapping[str, str]) -> Sequence[TorchDevice]:
        names = read_visible(environ, rocm=self.rocm is not None).names
        if names is None:
            return self.cards
        if names and names[0] in self.instances:
            return [self.instances[names[0]]]
        seen = []
        for name in names:
            found = [card for number, card in enumerate(self.cards) if name in (str(number), f"GPU-{card.uuid}")]
            if not found:
                break
            seen += found
        return seen


def with_files(root: Path, *names: str) -> Path:
    """Make empty files, such as `dev/nvidiactl`, below the folder, which is returned."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def has_every_library(_: str) -> bool:
    """Whether a library is installed: yes."""
    return True


def nvidia(root: Path, torch: Torch, driver: str = "", **environ: str) -> Machine:
    """A machine with the device files of NVIDIA's driver."""
    with_files(root, "dev/nvidiactl", "dev/nvidia0")
    if driver:
        with_files(root, "sys/module/nvidia/version").joinpath("sys/module/nvidia/version").write_text(f"{driver}\n")
    return Machine(environ, root, torch, has_every_library)
