"""Knows how many frames a model draws for a video of more frames a second than the model makes. Pure."""

from dataclasses import replace

from wanserve.domain.generation import Generation


def frames_after(frames: int, fps: int, output_fps: int) -> int:
    """How many frames at `output_fps` lie between the first and the last of `frames` at `fps`: 150 of 81 at 16 and 30.

    The last drawn frame is only approached, so that no frame repeats it: the video has as many seconds as the hosted
    service's. One frame stays one.
    """
    return max(1, (frames - 1) * output_fps // fps)


def as_drawn(generation: Generation, fps: int) -> Generation:
    """What a model that makes `fps` frames a second is to draw for the generation, whose frame rate may be higher.

    The fewest frames that are enough, one more than a multiple of four. The generation alone decides, and not the
    settings of today: a task may have been submitted before they were changed.
    """
    if generation.fps <= fps:
        return generation
    frames = 1
    while frames_after(frames, fps, generation.fps) < generation.frames:
        frames += 4
    return replace(generation, frames=frames, fps=fps)
