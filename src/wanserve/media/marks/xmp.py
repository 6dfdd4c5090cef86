"""The labels of pictures, as XMP: China's label, and IPTC's digital source type. In JPEG, WebP and PNG files."""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import wanserve
from wanserve.domain.errors import MediaDamaged
from wanserve.domain.marks import AigcLabel
from wanserve.domain.task import Variant

TC260: Final = "http://www.tc260.org.cn/ns/AIGC/1.0/"
"""The namespace of China's label. Source: GB 45438-2025 and the practice guides of TC260, read in secondary sources."""

IPTC: Final = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
"""Source: IPTC Photo Metadata Standard, IPTC Extension."""

XMP: Final = "http://ns.adobe.com/xap/1.0/"
RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

PACKET_BYTES: Final = 60_000
"""The longest packet that is written or read: one segment of a JPEG has 65,533 bytes."""

_JPEG_HEAD: Final = b"http://ns.adobe.com/xap/1.0/\0"
_PNG_HEAD: Final = b"XML:com.adobe.xmp\0\0\0\0\0"
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_WEBP_XMP_FLAG: Final = 0x04
_WEBP_HEAD: Final = 10
"""The shortest first chunk that has the size of the picture."""

_PACKET: Final = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{rdf}">
<rdf:Description rdf:about="" xmlns:TC260="{tc260}" xmlns:Iptc4xmpExt="{iptc}" xmlns:xmp="{xmp}">
<TC260:AIGC>{label}</TC260:AIGC>
<Iptc4xmpExt:DigitalSourceType>{source}</Iptc4xmpExt:DigitalSourceType>
<xmp:CreatorTool>{program}</xmp:CreatorTool>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


@dataclass(frozen=True, slots=True)
class PictureLabels:
    """What the XMP of a picture says. `program` is what made it; `source` is the URI of the digital source type; "" where there is none."""

    label: AigcLabel | None
    source: str
    program: str = f"wanserve {wanserve.__version__}"

    @property
    def packet(self) -> bytes:
        """The XMP packet."""
        text = escape((self.label or AigcLabel()).text)
        return _PACKET.format(
            rdf=RDF,
            tc260=TC260,
            iptc=IPTC,
            xmp=XMP,
            label=text,
            source=escape(self.source),
            program=escape(self.program),
        ).encode()


def with_labels(picture: bytes, kind: Variant, labels: PictureLabels) -> bytes:
    """The file's content with these labels, in place of any XMP that it has. Raises MediaDamaged where it is no such picture."""
    return _FORMATS[kind].write(picture, labels.packet)


def read_labels(picture: bytes, kind: Variant) -> PictureLabels | None:
    """The labels of the file's content; None where it has no XMP. Raises MediaDamaged."""
    packet = _FORMATS[kind].read(picture)
    return None if packet is None else _read_packet(packet)


def _read_packet(packet: bytes) -> PictureLabels:
    if len(packet) > PACKET_BYTES or b"<!D" in packet or b"<!E" in packet:
        # A document type may declare entities, which the parser would expand.
        raise MediaDamaged("its XMP is too long, or declares entities")
    try:
        tree = ET.fromstring(packet)  # noqa: S314 - without a document type there is nothing to expand
    except ET.ParseError as error:
        raise MediaDamaged(f"its XMP cannot be read: {error}") from error
    label = source = program = ""
    for description in tree.iter(f"{{{RDF}}}Description"):
        label = _property(description, TC260, "AIGC") or label
        source = _property(description, IPTC, "DigitalSourceType") or source
        program = _property(description, XMP, "CreatorTool") or program
    return PictureLabels(AigcLabel.read(label), source, program)


def _property(description: ET.Element, namespace: str, name: str) -> str:
    # XMP writes a property as an element, or as an attribute.
    full = f"{{{namespace}}}{name}"
    return description.findtext(full) or description.get(full) or ""


def _jpeg_segments(picture: bytes) -> Iterator[tuple[int, bytes]]:
    """The marker and the bytes of each segment before the picture's own data; then 0 and the rest of the file."""
    if picture[:2] != b"\xff\xd8":
        raise MediaDamaged("it is not a JPEG")
    position = 2
    while picture[position : position + 1] == b"\xff" and picture[position + 1 : position + 2] not in (b"\xda", b""):
        length = 2 + int.from_bytes(picture[position + 2 : position + 4])
        if length < 4 or position + length > len(picture):
            raise MediaDamaged("a segment of the JPEG is cut short")
        yield picture[position + 1], picture[position : position + length]
        position += length
    yield 0, picture[position:]


def _is_jpeg_xmp(marker: int, segment: bytes) -> bool:
    return marker == 0xE1 and segment[4:].startswith(_JPEG_HEAD)


def _write_jpeg(picture: bytes, packet: bytes) -> bytes:
    body = _JPEG_HEAD + packet
    xmp = b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body
    segments = [(marker, raw) for marker, raw in _jpeg_segments(picture) if not _is_jpeg_xmp(marker, raw)]
    # Behind the segment by which readers recognise the format.
    first = 1 if segments[0][0] == 0xE0 else 0
    raws = [raw for _, raw in segments]
    return b"".join([b"\xff\xd8", *raws[:first], xmp, *raws[first:]])


def _read_jpeg(picture: bytes) -> bytes | None:
    found = (raw for marker, raw in _jpeg_segments(picture) if _is_jpeg_xmp(marker, raw))
    segment = next(found, None)
    return None if segment is None else segment[4 + len(_JPEG_HEAD) :]


def _webp_chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    if picture[:4] != b"RIFF" or picture[8:12] != b"WEBP":
        raise MediaDamaged("it is not a WebP")
    position = 12
    while position + 8 <= len(picture):
        length = int.from_bytes(picture[position + 4 : position + 8], "little")
        if position + 8 + length > len(picture):
            raise MediaDamaged("a chunk of the WebP is cut short")
        yield picture[position : position + 4], picture[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def _write_webp(picture: bytes, packet: bytes) -> bytes:
    chunks = [chunk for chunk in _webp_chunks(picture) if chunk[0] != b"XMP "]
    if not chunks or chunks[0][0] not in (b"VP8X", b"VP8 ") or len(chunks[0][1]) < _WEBP_HEAD:
        raise MediaDamaged("it is a WebP without a lossy picture")
    if chunks[0][0] == b"VP8 ":
        # The size is in the head of a key frame: 14 bits each, behind three bytes of a start code. RFC 6386, 9.1.
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", chunks[0][1], 6))
        sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        chunks.insert(0, (b"VP8X", bytes(4) + sides))
    extended = chunks[0][1]
    chunks[0] = b"VP8X", bytes([extended[0] | _WEBP_XMP_FLAG]) + extended[1:]
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
        for name, content in [*chunks, (b"XMP ", packet)]
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _read_webp(picture: bytes) -> bytes | None:
    return next((content for name, content in _webp_chunks(picture) if name == b"XMP "), None)


def _png_chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not picture.startswith(_PNG_SIGNATURE):
        raise MediaDamaged("it is not a PNG")
    position = len(_PNG_SIGNATURE)
    while position + 12 <= len(picture):
        length = int.from_bytes(picture[position : position + 4])
        if position + 12 + length > len(picture):
            raise MediaDamaged("a chunk of the PNG is cut short")
        yield picture[position + 4 : position + 8], picture[position + 8 : position + 8 + length]
        position += 12 + length


def _is_png_xmp(name: bytes, content: bytes) -> bool:
    return name == b"iTXt" and content.startswith(_PNG_HEAD)


def _write_png(picture: bytes, packet: bytes) -> bytes:
    chunks = [chunk for chunk in _png_chunks(picture) if not _is_png_xmp(*chunk)]
    if not chunks or chunks[0][0] != b"IHDR":
        raise MediaDamaged("it is a PNG without a header")
    chunks.insert(1, (b"iTXt", _PNG_HEAD + packet))
    return _PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def _read_png(picture: bytes) -> bytes | None:
    found = next((content for name, content in _png_chunks(picture) if _is_png_xmp(name, content)), None)
    return None if found is None else found[len(_PNG_HEAD) :]


@dataclass(frozen=True, slots=True)
class _Format:
    """How XMP is written into a picture's file, and read from it."""

    write: Callable[[bytes, bytes], bytes]
    read: Callable[[bytes], bytes | None]


_FORMATS: Final[Mapping[Variant, _Format]] = {
    Variant.SPRITESHEET: _Format(_write_jpeg, _read_jpeg),
    Variant.THUMBNAIL: _Format(_write_webp, _read_webp),
    Variant.PREVIEW: _Format(_write_png, _read_png),
}
