"""Remakes the animatic's art pack from Noto Emoji and our own drawings: keeps what is drawn.

That is what the tables of words and the scenery name. Noto's pictures come from the npm package; a name `own:bench`
stands for `words/own/bench.svg`, the inside of an SVG in a box of 128 units. Run it with the project installed:
`python scripts/make_art.py`. Two runs write the same bytes.
"""

import argparse
import json
import lzma
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from wanserve.engine.animatic.art import Art
from wanserve.engine.animatic.canvas import Canvas, Painter
from wanserve.engine.animatic.drawing import Affine

PACKAGE = "@iconify-json/noto@1.2.9"
HOME = Path(__file__).parent.parent / "src/wanserve/engine/animatic"
SCENERY = """
    evergreen-tree deciduous-tree palm-tree cactus tulip sunflower blossom hibiscus cherry-blossom rose mushroom rock
    coral spiral-shell couch-and-lamp window potted-plant framed-picture books ringed-planet full-moon
    one-oclock airplane-departure building-construction
    globe-showing-europe-africa herb four-leaf-clover seedling fish star
""".split()
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


def main() -> None:
    """Write `art.json.xz` beside the engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HOME / "art.json.xz")
    pack_art(parser.parse_args().out)


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
