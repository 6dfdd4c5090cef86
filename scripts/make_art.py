"""Remakes the animatic's art pack from Noto Emoji and our own drawings: keeps what is drawn.

That is what the tables of words and the scenery name. Noto's pictures come from the npm package; a name `own:bench`
stands for `words/own/bench.svg`, the inside of an SVG in a box of 128 units. Run it with the project installed:
`python scripts/make_art.py`. Two runs write the same bytes.
"""

import argparse
import json
import lzma
import math
import re
import struct
import subprocess
import tarfile
import tempfile
import zlib
from collections import deque
from pathlib import Path
from typing import Any

from wanserve.domain.generation import Generation
from wanserve.engine.animatic.art import Art
from wanserve.engine.animatic.canvas import Canvas, Painter
from wanserve.engine.animatic.drawing import Affine
from wanserve.engine.animatic.engine import AnimaticEngine

PACKAGE = "@iconify-json/noto@1.2.9"
HOME = Path(__file__).parent.parent / "src/wanserve/engine/animatic"
SCENERY = """
    evergreen-tree deciduous-tree palm-tree cactus tulip sunflower blossom hibiscus cherry-blossom rose mushroom rock
    coral spiral-shell couch-and-lamp window potted-plant framed-picture books ringed-planet full-moon
    one-oclock airplane-departure building-construction
    globe-showing-europe-africa herb four-leaf-clover seedling fish star
""".split()
SHEET = (
    "a cat running under the full moon",
    "a horse running at sunset",
    "a rabbit jumping on the beach",
    "a fox walking in the forest",
    "a penguin in the snow, snow is falling",
    "a robot walking in the city at night in the rain",
    "a camel walking in the desert",
    "an octopus and two fish underwater",
    "two dogs running in a meadow",
    "an astronaut floating in outer space",
    "an eagle flying in the mountains",
    "a birthday cake in the living room",
)
"""What the picture in `docs/animatic.md` shows."""

OWN = "own:"
"""What the names of our own drawings begin with."""

WRAPPER = re.compile(r"^\s*(<\?xml[^>]*>\s*)?<svg[^>]*>|</svg>\s*$")
"""The element around a whole SVG file, which the pack leaves out."""

SCALE = 4
"""Pixels an art unit when measuring its bounds: a quarter unit of error."""


def icons() -> dict[str, str]:
    """All of Noto's pictures, name to SVG body, from the npm package."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, capture_output=True)
        archive = next(Path(folder).glob("*.tgz"))
        with tarfile.open(archive) as tar:
            member = tar.extractfile("package/icons.json")
            if member is None:
                raise SystemExit(f"{PACKAGE} holds no icons.json")
            found = json.load(member)["icons"]
    return {name: icon["body"] for name, icon in found.items()}


def measured(painter: Painter, name: str, body: str) -> dict[str, object]:
    """A picture for the pack: its SVG body, what it really covers, and where to part its legs."""
    size = 128 * SCALE
    with Canvas(painter, size, size) as canvas:
        canvas.add_art(Art(name, body, (0, 0, 128, 128)).svg()).place(Affine(a=SCALE, e=SCALE))
        alpha = bytes(canvas.draw(clear=True).cast("B"))[3::4]
    rows = [y for y in range(size) if max(alpha[y * size : (y + 1) * size]) > 24]
    columns = [x for x in range(size) if max(alpha[x::size]) > 24]
    left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    box = [left / SCALE, top / SCALE, right / SCALE, bottom / SCALE]
    return {"svg": body, "box": box, "split": legs_apart(alpha, size, (left, top, right, bottom))}


def legs_apart(alpha: bytes, size: int, box: tuple[int, int, int, int]) -> float:
    """Where between fore and hind legs there is the least of the picture, in parts of its width from the left."""
    left, top, right, bottom = box
    width, hip = right - left, round(top + 0.74 * (bottom - top))

    def cost(x: int) -> tuple[float, float]:
        covered = sum(alpha[y * size + x] > 24 for y in range(hip, bottom)) / (bottom - hip)
        off = abs((x - left) / width - 0.5)
        return (covered + 0.5 * off, off)

    best = min(range(left + round(0.3 * width), left + round(0.7 * width)), key=cost)
    return round((best - left) / width, 3)


def sheet(out: Path, width: int = 300, height: int = 168, columns: int = 3) -> None:
    """Draw the twelve settings, one frame each, into one PNG."""
    engine = AnimaticEngine()
    engine.load("any")
    lines = [bytearray() for _ in range(height * math.ceil(len(SHEET) / columns))]
    for i, prompt in enumerate(SHEET):
        asked = Generation("preview", prompt, "", width, height, 40, 30, 11 + i)
        frame = bytes(deque(engine.generate(asked, lambda done: None).frames, maxlen=1)[0])
        for y in range(height):
            lines[i // columns * height + y] += frame[y * width * 4 : (y + 1) * width * 4]
    out.write_bytes(png(lines))


def png(lines: list[bytearray]) -> bytes:
    """Rows of R, G, B, x as a PNG, each row stored as the difference from the one above."""
    above = bytes(len(lines[0]) // 4 * 3)
    rows = bytearray()
    for line in lines:
        here = bytes(b for i, b in enumerate(line) if i % 4 != 3)
        rows += b"\x02" + bytes((b - a) & 255 for a, b in zip(above, here, strict=True))
        above = here
    head = struct.pack(">IIBBBBB", len(lines[0]) // 4, len(lines), 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    packed = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def main() -> None:
    """Write `art.json.xz` beside the engine, or with `--sheet` the picture for the docs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HOME / "art.json.xz")
    parser.add_argument("--sheet", type=Path, help="draw the contact sheet into this PNG instead")
    options = parser.parse_args()
    if options.sheet:
        sheet(options.sheet)
    else:
        pack_art(options.out)


def wanted() -> list[str]:
    """The names of all pictures that the tables of words and the scenery name, and of all our own."""
    subjects = table("words/subjects.json")
    activities = table("words/activities.json")
    arts = {entry["art"] for entry in subjects.values()}
    arts |= {entry[who] for entry in activities.values() for who in ("man", "woman")}
    return sorted({*SCENERY, *drawings(), *arts})


def table(name: str) -> dict[str, Any]:
    """The JSON file of that name in the engine's package."""
    found: dict[str, Any] = json.loads((HOME / name).read_text(encoding="utf-8"))
    return found


def drawings() -> dict[str, str]:
    """Our own drawings, name to SVG body."""
    files = sorted((HOME / "words/own").glob("*.svg"))
    return {OWN + file.stem: WRAPPER.sub("", file.read_text(encoding="utf-8")).strip() for file in files}


def pack_art(out: Path) -> None:
    """Write the art pack."""
    found = icons() | drawings()
    painter = Painter(lambda name, light, mirrored: ("", Affine()))
    pack = {}
    missing = []
    for name in wanted():
        if name in found:
            pack[name] = measured(painter, name, found[name])
        else:
            missing.append(name)
    for name in missing:
        print(f"not drawn yet: {name}" if name.startswith(OWN) else f"no such picture, left out: {name}")
    text = json.dumps(pack, sort_keys=True, separators=(",", ":")).encode()
    out.write_bytes(lzma.compress(text, preset=9))
    print(f"{len(pack)} pictures, {len(text)} bytes, {out.stat().st_size} compressed: {out}")


if __name__ == "__main__":
    main()
