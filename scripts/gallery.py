"""Draws the gallery: the forty prompts of `gallery.txt` as contact sheets and a page, into the folder `build/gallery`.

Run it with the project installed: `make gallery`. With `--sheet FILE` only the picture of the README is drawn.
"""

import argparse
import html
from collections.abc import Iterator, Sequence
from pathlib import Path

from contact_sheet import Rows, beside, png, read_frame

from wanserve.domain.generation import Generation
from wanserve.engine.animatic.engine import AnimaticEngine

PROMPTS = Path(__file__).with_name("gallery.txt")
OUT = Path("build/gallery")
WIDTH, HEIGHT, FRAMES, FPS, SEED = 480, 272, 40, 8, 11
SHOWN = (2, 14, 26, 38)
"""The frames of a sheet."""

BEST = (1, 3, 5, 7, 8, 14, 15, 17, 25, 31, 33, 39)
"""The prompts of the README's picture, by their line from 0 on."""

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>wanserve: what the preview engine draws</title>
<style>body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1000px; background: #fafafa }}
img {{ width: 100%; border-radius: 6px }} p {{ margin: .3rem 0 1.8rem }} small {{ color: #666 }}</style>
<h1>What the preview engine draws</h1>
<p>Drawn storyboards, four moments of five seconds each; no diffusion model. Made by <code>make gallery</code>.</p>
{entries}
</html>
"""


def strip_of(engine: AnimaticEngine, prompt: str, shown: Sequence[int]) -> tuple[Rows, Sequence[str]]:
    """Some frames of a prompt beside each other, and the engine's notes."""
    asked = Generation("preview", prompt, "", WIDTH, HEIGHT, FRAMES, FPS, SEED)
    clip = engine.generate(asked, lambda _: None)
    frames = [read_frame(frame, WIDTH, HEIGHT) for k, frame in enumerate(clip.frames) if k in shown]
    return beside(frames), clip.notes


def entries(engine: AnimaticEngine, prompts: Sequence[str]) -> Iterator[str]:
    """Draw each prompt's sheet, and yield its entry of the page."""
    for number, prompt in enumerate(prompts, 1):
        rows, notes = strip_of(engine, prompt, SHOWN)
        name = f"{number:02}.png"
        (OUT / name).write_bytes(png(rows))
        told = "".join(f"<br><small>{html.escape(note)}</small>" for note in notes)
        yield f'<img src="{name}" alt=""><p>{html.escape(prompt)}{told}</p>'


def main() -> None:
    """Write the sheets and the page, or with `--sheet` one picture of the best."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheet", type=Path, help="draw only the README's picture, into this PNG")
    options = parser.parse_args()
    prompts = PROMPTS.read_text(encoding="utf-8").splitlines()
    engine = AnimaticEngine()
    engine.load("any")
    if options.sheet:
        pictures = [strip_of(engine, prompts[i], (SHOWN[1],))[0] for i in BEST]
        rows = [beside(pictures[i : i + 3]) for i in range(0, len(pictures), 3)]
        options.sheet.write_bytes(png([line for row in rows for line in row]))
        return
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "index.html").write_text(PAGE.format(entries="\n".join(entries(engine, prompts))), encoding="utf-8")
    print(OUT / "index.html")


if __name__ == "__main__":
    main()
