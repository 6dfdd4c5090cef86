"""Which terminals show pictures, and how they are told."""

import base64
import re

import pytest

from wanserve.cli.pictures import iterm, kitty, writer_for


@pytest.mark.parametrize(
    ("environ", "writer"),
    [
        ({"TERM": "xterm-kitty"}, kitty),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, kitty),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, kitty),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, iterm),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, iterm),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, None),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1", "TMUX": "/tmp/tmux-0/default,1,0"}, None),
        ({"TERM": "screen.xterm-256color", "LC_TERMINAL": "iTerm2"}, None),
        ({}, None),
    ],
)
def test_only_terminals_that_show_pictures_get_one(environ: dict[str, str], writer: object) -> None:
    assert writer_for(environ) is writer


@pytest.mark.parametrize("length", [10, 3072, 3073, 10_000])
def test_kitty_gets_it_in_pieces_the_last_of_which_says_so(length: int) -> None:
    png = bytes(range(256)) * 40
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", kitty(png[:length]))
    assert base64.b64decode("".join(piece for _, piece in pieces)) == png[:length]
    assert all(len(piece) <= 4096 for _, piece in pieces)
    assert pieces[0][0].startswith("a=T,f=100,")
    assert [head.rpartition("m=")[2] for head, _ in pieces] == ["1"] * (len(pieces) - 1) + ["0"]
