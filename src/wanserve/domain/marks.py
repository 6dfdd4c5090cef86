"""What the files of a video say of where they come from: who made them, with what, and that nobody filmed them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field, replace
from enum import StrEnum
from typing import Final, Protocol, Self

IPTC_SOURCES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""Source: IPTC's NewsCodes, Digital Source Type."""


class DigitalSource(StrEnum):
    """What kind of media an engine makes, by IPTC's terms.

    TRAINED: a model that was trained on samples made it. ALGORITHMIC: an algorithm drew it by rules, without any
    training data.
    """

    TRAINED = "trainedAlgorithmicMedia"
    ALGORITHMIC = "algorithmicMedia"

    @property
    def uri(self) -> str:
        """The term as IPTC's vocabulary names it."""
        return f"{IPTC_SOURCES}{self}"


class MarksPolicy(StrEnum):
    """Whether a video whose files cannot be marked is an error (REQUIRED), or is kept with a note (BEST_EFFORT)."""

    REQUIRED = "required"
    BEST_EFFORT = "best-effort"


class WatermarkText(StrEnum):
    """The languages of the visible watermark."""

    CHINESE = "zh"
    ENGLISH = "en"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Origin:
    """How the files of a task were made. `producer` is who answers for them; `made_ms` is milliseconds since 1970, UTC."""

    task_id: str
    producer: str
    engine: str
    model: str
    source: DigitalSource
    made_ms: int


LABEL_FIELDS: Final = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
"""The fields of China's label in the order of AigcLabel's. Source: GB 45438-2025 and the practice guides of TC260, read in secondary sources."""

IS_GENERATED: Final = "1"
"""The value of `Label` for what is generated; 2 is for what may be, and 3 for what is suspected to be."""


@dataclass(frozen=True, slots=True)
class AigcLabel:
    """China's label in the metadata of a file. The two reserved codes are for their writers' own checks."""

    label: str = IS_GENERATED
    producer: str = ""
    produce_id: str = ""
    reserved_1: str = ""
    propagator: str = ""
    propagate_id: str = ""
    reserved_2: str = ""

    @classmethod
    def of(cls, origin: Origin) -> Self:
        """The label of a file that this installation made."""
        return cls(producer=origin.producer, produce_id=origin.task_id)

    def passed_on(self, origin: Origin) -> Self:
        """The label of somebody else's file that this installation passes on: who made it stays as it is."""
        return replace(self, propagator=origin.producer, propagate_id=origin.task_id)

    @property
    def text(self) -> str:
        """The label as a JSON object of texts."""
        return json.dumps(dict(zip(LABEL_FIELDS, astuple(self), strict=True)), ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The label of the text; None where it is none. A field that is left out is empty."""
        try:
            found = json.loads(text)
        except ValueError:
            return None
        if not isinstance(found, dict) or "Label" not in found:
            return None
        return cls(*(str(found.get(name, "")) for name in LABEL_FIELDS))


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate chain in PEM, the signer's own certificate first, and its private key in PEM.

    `algorithm` is the name of the signature in COSE, in lower case, such as es256. `timestamp_url` is the time-stamping
    authority, where there is one.
    """

    chain: bytes
    key: bytes = field(repr=False)
    algorithm: str = "es256"
    timestamp_url: str | None = None


class CertificateStore(Protocol):
    """Keeps the certificate of an installation and its key: the same for every process that signs its files."""

    def read(self, make: Callable[[], bytes]) -> bytes:
        """The certificate, its chain and its key in PEM. The first call of all stores what `make` returns.

        Raises SetupError.
        """


@dataclass(frozen=True, slots=True)
class MarkSettings:
    """How files are marked: in whose name, by which certificate, and whether a file without its marks is an error.

    `watermark_always`: every video has the visible watermark, whatever its request says.
    """

    producer: str
    certificate: Certificate
    policy: MarksPolicy = MarksPolicy.REQUIRED
    watermark_always: bool = False
    watermark_text: WatermarkText = WatermarkText.CHINESE


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file that this installation made: of which task and account, which of the task's files, and the ledger's row."""

    task_id: str
    account: str
    file: str
    model: str
    engine: str
    ended_ms: int


Hashes = Mapping[str, str]
"""The SHA-256 of an attempt's files as 64 hex digits, by the endings of their names, such as `mp4`."""

NO_HASHES: Final[Hashes] = {}
