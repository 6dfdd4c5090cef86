"""The look-up of the task that made a file, in the name space of OpenAI's dialect. It is not an operation of OpenAI's."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from wanserve.domain.marks import MadeFile
from wanserve.http.dialects.base import AnswerContext, DialectRequest, Docs, FindFile
from wanserve.http.dialects.openai_models import UnixSeconds, video_id
from wanserve.http.dialects.reading import read_fields


class ProvenanceQuery(BaseModel):
    """The query of a look-up."""

    sha256: Annotated[str, Field(description="The SHA-256 of the file, as 64 hex digits.")]


class MadeFileObject(TypedDict):
    """A file that this server made. The video itself may be gone: this is kept with what was billed."""

    object: Literal["file"]
    id: str
    task_id: str
    file: Annotated[str, Field(description="mp4 is the video, webp its thumbnail, jpg its sprite sheet.")]
    model: str
    engine: str
    completed_at: UnixSeconds


class MadeFileList(TypedDict):
    """The files with this hash. None: nothing that this key may know of."""

    object: Literal["list"]
    data: list[MadeFileObject]


def read_hash(request: DialectRequest) -> str:
    """The hash in the query. Raises InvalidRequest."""
    return read_fields(request.query.multi_items(), ProvenanceQuery).sha256


def write_made(found: Sequence[MadeFile], context: AnswerContext) -> MadeFileList:
    """The files that were found."""
    return {"object": "list", "data": [_made(each) for each in found]}


def _made(made: MadeFile) -> MadeFileObject:
    return {
        "object": "file",
        "id": video_id(made.task_id),
        "task_id": made.task_id,
        "file": made.file,
        "model": made.model,
        "engine": made.engine,
        "completed_at": made.ended_ms // 1000,
    }


PROVENANCE: Final = FindFile(
    method="GET",
    path="/v1/provenance",
    read=read_hash,
    write=write_made,
    docs=Docs(
        operation_id="wanserveProvenance",
        summary="Find the video that a file is of",
        description="By the file's hash, among the key's own videos. Not an operation of OpenAI's.",
        query=ProvenanceQuery,
    ),
)
