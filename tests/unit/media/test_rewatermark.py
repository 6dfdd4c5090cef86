"""The watermark in a finished video of another server: on every picture, at the same times, and with the same sound."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from wanserve.domain.errors import Canceled, MediaFailed
from wanserve.domain.marks import WatermarkText
from wanserve.media.rewatermark import draw_watermark

TIMES = (0, 1, 2, 5, 6, 9)
"""When the pictures are shown, in ticks: not all for equally long."""


def foreign(path: Path, width: int = 192, height: int = 128, codec: str = "mpeg4") -> Path:
    """A grey video with sound, of another encoder."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream(codec, rate=Fraction(30000, 1001))
        assert isinstance(pictures, VideoStream)
        pictures.width, pictures.height, pictures.pix_fmt = width, height, "yuv420p"
        pictures.codec_context.time_base = Fraction(1001, 30000)
        sound = container.add_stream("aac", rate=16000)
        container.metadata["title"] = "Her title"
        for number in TIMES:
            picture = VideoFrame(width, height, "yuv420p")
            for plane in picture.planes:
                plane.update(bytes([128]) * plane.buffer_size)
            picture.pts, picture.time_base = number, Fraction(1001, 30000)
            container.mux(pictures.encode(picture))
        silence = AudioFrame("fltp", "mono", 4096)
        silence.sample_rate, silence.pts = 16000, 0
        for channel in silence.planes:
            channel.update(bytes(channel.buffer_size))
        container.mux(sound.encode(silence))
        container.mux(pictures.encode())
        container.mux(sound.encode())
    return path


def remade(source: Path, text: WatermarkText = WatermarkText.CHINESE) -> Path:
    target = source.with_name("remade.mp4")
    with source.open("rb") as file:
        draw_watermark(file, target, text, lambda: None)
    return target


def shown(path: Path) -> list[tuple[Fraction, bytes]]:
    """When each picture is shown, and its brightness."""
    with av.open(str(path)) as container:
        found = []
        for frame in container.decode(video=0):
            plane = frame.reformat(format="gray").planes[0]
            rows = [bytes(plane)[y * plane.line_size :][: frame.width] for y in range(frame.height)]
            assert frame.pts is not None
            assert frame.time_base is not None
            found.append((frame.pts * frame.time_base, b"".join(rows)))
        return found


@pytest.mark.parametrize("text", WatermarkText)
def test_it_is_on_every_picture_at_the_same_times(tmp_path: Path, text: WatermarkText) -> None:
    source = foreign(tmp_path / "hers.mp4")
    before, after = shown(source), shown(remade(source, text))
    assert [round(float(time), 4) for time, _ in after] == [round(float(time), 4) for time, _ in before]
    assert len(after) == len(TIMES)
    for (_, plain), (_, marked) in zip(before, after, strict=True):
        corner, elsewhere = marked[192 * 110 :], marked[: 192 * 90]
        assert max(corner) > 180, "white letters at the bottom"
        assert max(abs(one - other) for one, other in zip(elsewhere, plain, strict=False)) < 12


def test_sound_title_and_a_quick_start_are_kept(tmp_path: Path) -> None:
    def sound(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    source = foreign(tmp_path / "hers.mp4")
    target = remade(source)
    assert sound(target) == sound(source) != []
    with av.open(str(target)) as container:
        assert container.metadata["title"] == "Her title"
        assert container.streams.video[0].codec_context.name == "h264"
    content = target.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_a_cancel_comes_through(tmp_path: Path) -> None:
    def cancel() -> None:
        raise Canceled("asked")

    source = foreign(tmp_path / "hers.mp4")
    with pytest.raises(Canceled), source.open("rb") as file:
        draw_watermark(file, tmp_path / "none.mp4", WatermarkText.CHINESE, cancel)


def test_a_size_that_h264_has_not_is_refused(tmp_path: Path) -> None:
    source = foreign(tmp_path / "odd.mp4", 191, 127)
    with pytest.raises(MediaFailed, match=r"its pictures are 191x127: H\.264 wants even numbers"):
        remade(source)
