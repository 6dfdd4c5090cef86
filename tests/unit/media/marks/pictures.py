"""Small pictures of each kind, as the encoders of stills and previews leave them."""

from pathlib import Path
from typing import Final

from av.video.frame import VideoFrame

from wanserve.domain.generation import Generation
from wanserve.domain.progress import Picture
from wanserve.domain.task import Variant
from wanserve.media.preview import png
from wanserve.media.stills import Stills

KINDS: Final = (Variant.THUMBNAIL, Variant.SPRITESHEET, Variant.PREVIEW)


def write_pictures(folder: Path, width: int = 66, height: int = 50) -> dict[Variant, Path]:
    """One file of each kind, by the kind."""
    generation = Generation("wan2.2-t2v-plus", "a cat", "", width, height, 4, 30, 1)
    stills = Stills(generation)
    for number in range(generation.frames):
        frame = VideoFrame(width, height, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes((x * 7 + number * 30) % 200 + 16 for x in range(plane.buffer_size)))
        stills.add(frame)
    files = {kind: folder / f"picture.{kind}" for kind in KINDS}
    stills.write(files[Variant.THUMBNAIL], files[Variant.SPRITESHEET])
    rows = bytes(x % 251 for x in range(width * height * 3))
    files[Variant.PREVIEW].write_bytes(png(Picture(width, height, rows)))
    return files
