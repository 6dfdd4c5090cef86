"""Shows the first picture of a video on a terminal that can show pictures: by kitty's protocol, or by iTerm2's."""

import base64
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from rich.console import Console

from wanserve.machine.environment import process_environment

SECONDS: Final = 20.0
"""How long the picture may take. It is an extra: what takes longer is not shown."""

COLUMNS: Final = 40
"""How wide it is shown, in characters."""

CHUNK: Final = 4096
"""Source: the longest piece that kitty's protocol allows."""


def show_first_pictures(console: Console, videos: Iterable[Path]) -> None:
    """Show that of each video, where the console is a terminal that says of itself that it can."""
    write = writer_for(process_environment()) if console.is_terminal else None
    if write is None:
        return
    for png in filter(None, map(_first_picture, videos)):
        console.file.write(write(png))
        console.file.flush()


def _first_picture(video: Path) -> bytes | None:
    # In a process of its own: what reads videos is not loaded by commands.
    command = [sys.executable, "-m", "wanserve.media.preview", str(video)]
    try:
        return subprocess.run(command, capture_output=True, timeout=SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def writer_for(environ: Mapping[str, str]) -> Callable[[bytes], str] | None:
    """What turns a PNG into the text that shows it on this terminal; None where it shows no pictures.

    tmux and screen would have to pass it on, which they do not do by themselves.
    """
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    if environ.get("TMUX") or term.startswith(("screen", "tmux", "dumb")):
        return None
    if environ.get("KITTY_WINDOW_ID") or term in ("xterm-kitty", "xterm-ghostty") or program == "ghostty":
        return kitty
    if program in ("iTerm.app", "WezTerm") or environ.get("LC_TERMINAL") == "iTerm2":
        return iterm
    return None


def kitty(png: bytes) -> str:
    """By the terminal graphics protocol of kitty."""
    encoded = base64.b64encode(png).decode()
    pieces = [encoded[begin : begin + CHUNK] for begin in range(0, len(encoded), CHUNK)]
    last = len(pieces) - 1
    heads = [f"a=T,f=100,q=2,c={COLUMNS}," if number == 0 else "" for number in range(len(pieces))]
    shown = [
        f"\x1b_G{head}m={int(number < last)};{piece}\x1b\\"
        for number, (head, piece) in enumerate(zip(heads, pieces, strict=True))
    ]
    return "".join([*shown, "\n"])


def iterm(png: bytes) -> str:
    """By the inline images of iTerm2, which WezTerm shows too."""
    encoded = base64.b64encode(png).decode()
    return f"\x1b]1337;File=inline=1;size={len(png)};width={COLUMNS}:{encoded}\x07\n"
