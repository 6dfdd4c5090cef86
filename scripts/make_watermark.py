"""Remakes the watermark's drawings: the outlines of its texts from Noto Sans CJK, in white with a soft dark outline.

    apt-get download fonts-noto-cjk && dpkg-deb -x fonts-noto-cjk_*.deb font
    pip install fonttools==4.68.0
    python scripts/make_watermark.py font/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc

The font is "Noto Sans CJK SC Bold" 2.004 under the SIL Open Font License, as Debian's package 1:20220127+repack1-1 has it.
Two runs write the same bytes.
"""

import argparse
from pathlib import Path

# Not among the project's own tools: what it makes is kept in the package.
from fontTools.pens.boundsPen import BoundsPen  # type: ignore[import-not-found]
from fontTools.pens.svgPathPen import SVGPathPen  # type: ignore[import-not-found]
from fontTools.pens.transformPen import TransformPen  # type: ignore[import-not-found]
from fontTools.ttLib import TTCollection, TTFont  # type: ignore[import-not-found]

TEXTS = {"zh": ("AI生成", "生"), "en": ("AI-generated", "A"), "both": ("AI生成 AI-generated", "A")}
"""Each text by the name of its file, and the letter that is as high as the text has to be: the lowest of its tall ones."""

FACE = "Noto Sans CJK SC Bold"
OUT = Path(__file__).parent.parent / "src/wanserve/media/marks"

LETTER = 1000
"""How high that letter is in the drawing's units."""

PAD = 100
"""Units around the text, for the outline."""

OUTLINE = ((200, 0.06), (160, 0.08), (120, 0.12), (80, 0.16), (44, 0.24))
"""Strokes under the text, each as wide as that (half of it shows) and as opaque: together they fade outwards."""


def outlines(font: TTFont, text: str, tall: str) -> tuple[str, int, int]:
    """The text as one path, y downwards, in a box whose edges it touches; and the box's width and height."""
    glyphs, names = font.getGlyphSet(), font.getBestCmap()
    letters = [glyphs[names[ord(letter)]] for letter in text]
    measured = BoundsPen(glyphs)
    glyphs[names[ord(tall)]].draw(measured)
    scale = LETTER / (measured.bounds[3] - measured.bounds[1])
    starts = [scale * sum(letter.width for letter in letters[:number]) for number in range(len(letters))]
    covered = BoundsPen(glyphs)
    for letter, x in zip(letters, starts, strict=True):
        letter.draw(TransformPen(covered, (scale, 0, 0, -scale, x, 0)))
    left, top, right, bottom = covered.bounds
    path = SVGPathPen(glyphs, ntos=lambda number: str(round(number)))
    for letter, x in zip(letters, starts, strict=True):
        letter.draw(TransformPen(path, (scale, 0, 0, -scale, x - left, -top)))
    return path.getCommands(), round(right - left), round(bottom - top)


def main() -> None:
    """Write the drawings beside the module that shows them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", type=Path, help="NotoSansCJK-Bold.ttc")
    collection = TTCollection(parser.parse_args().collection)
    font = next(font for font in collection if font["name"].getDebugName(4) == FACE)
    for name, (text, tall) in TEXTS.items():
        write(OUT / f"watermark-{name}.svg", text, *outlines(font, text, tall))


def write(out: Path, text: str, path: str, width: int, height: int) -> None:
    """Write one drawing."""
    box = f"{-PAD} {-PAD} {width + 2 * PAD} {height + 2 * PAD}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">',
        f"<!-- {text}: outlines of {FACE}, see LICENSE-noto-sans-cjk.txt. Made by scripts/make_watermark.py -->",
        f'<defs><path id="text" d="{path}"/></defs>',
        '<g opacity="0.9">',
        '<g fill="none" stroke="#000" stroke-linejoin="round">',
        *(f'<use href="#text" stroke-width="{wide}" stroke-opacity="{opaque}"/>' for wide, opaque in OUTLINE),
        "</g>",
        '<use href="#text" fill="#fff"/>',
        "</g>",
        "</svg>",
    ]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{out}: {out.stat().st_size} bytes, the text is {width} x {height} units")


if __name__ == "__main__":
    main()
