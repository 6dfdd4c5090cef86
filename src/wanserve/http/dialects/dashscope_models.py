"""The requests and answers of DashScope's dialect, as types."""

from typing import Annotated, Final, Literal, NotRequired

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from wanserve.domain.catalogue import DOCUMENT_480P, MODELS
from wanserve.domain.task import State
from wanserve.http.dialects.fields import size_field
from wanserve.http.dialects.vendor import SubmitBody, SubmitParameters, TaskOutput, UnknownTask, Uuid

ALIASES: Final = {"wan2.1-t2v-turbo": "wanx2.1-t2v-turbo", "wan2.1-t2v-plus": "wanx2.1-t2v-plus"}
"""The names of the same models on the vendor's international site."""

NUMBERS: Final = ("page_no", "page_size")
"""The fields of a list's query that are numbers."""

Milliseconds = Annotated[int, Field(description="Milliseconds since 1970.")]


class DashScopeParameters(SubmitParameters):
    """The object `parameters` of a submit."""

    size: Annotated[str | None, size_field("*", hidden=[DOCUMENT_480P])] = None


class DashScopeSubmit(SubmitBody):
    """The body of a submit."""

    model: Annotated[str, Field(json_schema_extra={"enum": [*MODELS, *ALIASES]})]
    parameters: DashScopeParameters | None = None


class DashScopeListQuery(BaseModel):
    """The query of a list."""

    task_id: Annotated[str | None, Field(description="Only this task; all other fields are then ignored.")] = None
    start_time: Annotated[str | None, Field(description="YYYYMMDDhhmmss, in UTC+8.")] = None
    end_time: Annotated[
        str | None, Field(description="YYYYMMDDhhmmss, in UTC+8; at most 24 hours after start_time.")
    ] = None
    model_name: Annotated[str | None, Field(description="Only tasks of this model.")] = None
    status: Annotated[
        str | None,
        Field(
            description="Only tasks in this state.",
            json_schema_extra={"enum": [*State, "UNKNOWN", "SUSPENDED", ""]},
        ),
    ] = None
    page_no: Annotated[int, Field(ge=1, le=1_000_000, description="Which page.")] = 1
    page_size: Annotated[int, Field(ge=1, le=100, description="Tasks on a page.")] = 10


class UnknownAnswer(TypedDict):
    """The answer to a query for a task that is unknown, another account's or past its retention."""

    request_id: Uuid
    output: UnknownTask


class CancelAnswer(TypedDict):
    """The answer to a cancel."""

    request_id: Uuid


class TaskRow(TypedDict):
    """A task in `data` of a list."""

    api_key_id: str
    caller_parent_id: str
    caller_uid: str
    gmt_create: Milliseconds
    model_name: str
    region: Literal["local"]
    request_id: Uuid
    start_time: NotRequired[Milliseconds]
    end_time: NotRequired[Milliseconds]
    status: State
    task_id: Uuid
    user_api_unique_key: str


class ListAnswer(TypedDict):
    """The answer to a list."""

    total: int
    data: Annotated[list[TaskRow], Field(description="As in the vendor's document.")]
    tasks: Annotated[list[TaskOutput], Field(description="The same tasks, as the vendor's SDK of 2026 reads them.")]
    total_page: int
    page_no: int
    page_size: int
    request_id: Uuid


class DashScopeError(TypedDict):
    """The answer to an error."""

    code: str
    message: Annotated[str, Field(description="The vendor's text, then the field and the rule.")]
    request_id: Uuid
