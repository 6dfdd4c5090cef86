"""Runs a command whose stderr, and where asked its stdout, is a terminal, and reads what it shows there."""

import contextlib
import os
import pty
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.e2e.server import WANSERVE, environment

COLOUR = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


@dataclass
class OnTerminal:
    """A command that runs on a terminal. `shown` is all that it has written there, without colours."""

    process: subprocess.Popen[str]
    parts: list[str] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)
    ended: bool = False

    @property
    def shown(self) -> str:
        return COLOUR.sub("", "".join(self.parts))

    def until(self, text: str, times: int = 1) -> None:
        """Wait until a text was shown so often."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: self.ended or self.shown.count(text) >= times, 120), self.shown
        assert self.shown.count(text) >= times, self.shown

    def read(self, descriptor: int) -> None:
        """Read to the end, which a terminal reports as an error."""
        with contextlib.suppress(OSError):
            while content := os.read(descriptor, 65536):
                with self.arrived:
                    self.parts.append(content.decode("utf-8", "replace"))
                    self.arrived.notify_all()
        with self.arrived:
            self.ended = True
            self.arrived.notify_all()


@contextmanager
def on_terminal(*arguments: str, stdout: bool = False, cwd: object = None, **settings: str) -> Iterator[OnTerminal]:
    """A command for the length of a block; its stdout is a pipe unless it is to be the terminal too."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [WANSERVE, *arguments],
        cwd=None if cwd is None else str(cwd),
        env=environment(**settings) | {"COLUMNS": "160", "LINES": "40", "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=theirs if stdout else subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    running = OnTerminal(process)
    reader = threading.Thread(target=running.read, args=(ours,))
    reader.start()
    try:
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(60)
        reader.join()
        os.close(ours)
        if process.stdout is not None:
            process.stdout.close()
