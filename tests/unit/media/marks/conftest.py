"""Provides the files of an attempt and their origin."""

from pathlib import Path

import pytest

from tests.unit.media.conftest import Draw
from wanserve.domain.generation import Generation
from wanserve.domain.marks import DigitalSource, Origin
from wanserve.domain.ports import Clip
from wanserve.domain.task import Variant
from wanserve.media import mp4

from .pictures import write_pictures

TASK = "19d8e7a6-c652-4f0e-9a53-0f6f4a1e2b3c"


@pytest.fixture
def origin() -> Origin:
    """A task of a real model."""
    return Origin(TASK, "Example Studio", "wan", "wan2.2-t2v-plus", DigitalSource.TRAINED, 1_790_000_000_000)


@pytest.fixture
def files(tmp_path: Path, draw: Draw, generation: Generation) -> dict[Variant, Path]:
    """The video and the stills of an attempt, without any mark."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    found = write_pictures(folder)
    found[Variant.VIDEO] = folder / "video.mp4"
    mp4.write(found[Variant.VIDEO], Clip(draw(generation)), generation, mp4.provenance("wan", generation))
    return found
