"""A clock that a test sets, for every process that is started with its environment."""

import subprocess
from pathlib import Path

from tests import needs


def compiled_clock(folder: Path) -> Path:
    """The clock of clock.c, which a process loads before the C library's own."""
    compiler = needs.program("cc")
    made = folder / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", made, source], timeout=60, check=True
    )
    return made


class Clock:
    """The clock of all processes that are started with `environ`; it is read anew each time."""

    def __init__(self, folder: Path, library: Path) -> None:
        self._file = folder / "clock"
        self.set(0)
        self.environ = {"LD_PRELOAD": str(library), "FAULT_CLOCK": str(self._file)}

    def set(self, ahead_s: int) -> None:
        """Let the clock be so many seconds ahead of the true one."""
        written = self._file.with_suffix(".new")
        written.write_text(f"{ahead_s:+d}\n")
        written.replace(self._file)
