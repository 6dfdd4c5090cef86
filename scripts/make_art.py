"""Remakes the animatic's art pack from Noto Emoji: downloads the npm package and keeps what is drawn.

That is what the lexicon and the scenery name. Run it with the project installed: `python scripts/make_art.py`.
Two runs write the same bytes.
"""

import argparse
import json
import lzma
import subprocess
import tarfile
import tempfile
from pathlib import Path

from wanserve.engine.animatic.art import Art
from wanserve.engine.animatic.canvas import Painter, Stage
from wanserve.engine.animatic.drawing import Affine

PACKAGE = "@iconify-json/noto@1.2.9"
HOME = Path(__file__).parent.parent / "src/wanserve/engine/animatic"
BODIES = ["person-standing", "man-standing", "woman-standing", "person-walking", "man-walking", "woman-walking", "person-running", "man-running", "woman-running"]
SCENERY = ["evergreen-tree", "deciduous-tree", "palm-tree", "cactus", "tulip", "sunflower", "blossom", "hibiscus", "cherry-blossom", "rose", "mushroom", "rock", "coral", "spiral-shell", "couch-and-lamp", "window", "potted-plant", "framed-picture", "books", "ringed-planet", "full-moon", "globe-showing-europe-africa", "herb", "four-leaf-clover", "seedling", "fish", "star"]
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


def bounds(painter: Painter, svg: str) -> list[float]:
    """Left, top, right and bottom of what the art really covers, in its own units."""
    size = 128 * SCALE
    with Stage(painter, size, size) as stage:
        stage.art(svg).place(Affine(a=SCALE, e=SCALE))
        alpha = bytes(stage.draw(clear=True).cast("B"))[3::4]
    rows = [y for y in range(size) if max(alpha[y * size : (y + 1) * size]) > 24]
    columns = [x for x in range(size) if max(alpha[x::size]) > 24]
    return [columns[0] / SCALE, rows[0] / SCALE, (columns[-1] + 1) / SCALE, (rows[-1] + 1) / SCALE]


def main() -> None:
    """Write `art.json.xz` beside the engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HOME / "art.json.xz")
    out = parser.parse_args().out
    subjects = json.loads((HOME / "lexicon.json").read_text())["subjects"].values()
    wanted = sorted({*BODIES, *SCENERY, *(s["art"] for s in subjects if not s["art"].startswith("@"))})
    found = icons()
    painter = Painter(lambda name, light, mirrored: ("", Affine()))
    pack = {}
    for name in wanted:
        if name not in found:
            print(f"no such picture, left out: {name}")
            continue
        pack[name] = {"svg": found[name], "box": bounds(painter, Art(name, found[name], (0, 0, 128, 128)).svg())}
    text = json.dumps(pack, sort_keys=True, separators=(",", ":")).encode()
    out.write_bytes(lzma.compress(text, preset=9))
    print(f"{len(pack)} pictures, {len(text)} bytes, {out.stat().st_size} compressed: {out}")


if __name__ == "__main__":
    main()
