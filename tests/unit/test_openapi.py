"""The OpenAPI document is made from the code, so its examples are answers that the code gives, in the types that it has."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from wanserve.app import all_dialects, api_document
from wanserve.domain.errors import TaskNotFound
from wanserve.http.dialects.base import Dialect, Query
from wanserve.http.openapi import answer_type
from wanserve.http.operation_errors import errors_of

DIALECTS = all_dialects(retention_ms=1000)
OPERATIONS = [(dialect, operation) for dialect in DIALECTS for operation in dialect.operations]


def described(path: str, method: str) -> dict[str, Any]:
    return dict(json.loads(json.dumps(api_document()))["paths"][path.replace(":path}", "}")][method.lower()])


def shown(response: dict[str, Any]) -> list[Any]:
    """The examples of one answer in JSON."""
    return [example["value"] for example in response["content"]["application/json"]["examples"].values()]


@pytest.mark.parametrize(
    ("dialect", "operation"), OPERATIONS, ids=lambda each: getattr(each, "path", each.__class__.__name__)
)
def test_each_example_of_an_answer_has_exactly_the_fields_of_its_type(dialect: Dialect, operation: Any) -> None:
    responses = described(operation.path, operation.method)["responses"]
    answer = answer_type(operation)
    for status, response in responses.items():
        if status >= "400":
            kind = dialect.error_type
        elif answer is not None:
            kind = answer
        else:
            continue
        assert shown(response)
        for body in shown(response):
            TypeAdapter(kind).validate_python(body, extra="forbid")


@pytest.mark.parametrize(
    ("dialect", "operation"), OPERATIONS, ids=lambda each: getattr(each, "path", each.__class__.__name__)
)
def test_each_error_that_an_operation_can_raise_is_among_its_answers(dialect: Dialect, operation: Any) -> None:
    responses = described(operation.path, operation.method)["responses"]
    for error in errors_of(operation):
        refusal = dialect.refuse(error, "request", operation)
        examples = responses[str(refusal.status)]["content"]["application/json"]["examples"]
        assert type(error).__name__ in examples
        assert set(refusal.headers) <= set(responses[str(refusal.status)].get("headers", {}))


def test_what_had_drifted_when_it_was_written_by_hand_is_right() -> None:
    document = described("/wan-video-polling/getTextToVideoResult", "POST")["responses"]
    keys = {"error", "statusCode", "message", "code", "request_id"}
    for status, response in document.items():
        for body in shown(response):
            assert status == "200" or set(body) - {"output"} == keys
    assert "503" in described("/api/v1/services/{service:path}", "POST")["responses"]


def test_an_unknown_task_is_an_example_of_a_query_that_answers_200() -> None:
    dialect = next(one for one in DIALECTS if one.name == "dashscope")
    query = next(one for one in dialect.operations if isinstance(one, Query))
    assert dialect.refuse(TaskNotFound("t1"), "request", query).status == 200
    assert any(
        body["output"]["task_status"] == "UNKNOWN" for body in shown(described(query.path, "GET")["responses"]["200"])
    )


def test_a_signed_link_is_refused_in_the_documents_dialect() -> None:
    responses = described("/files/{key}", "GET")["responses"]
    assert set(responses) == {"200", "206", "302", "304", "400", "403", "404", "412", "416", "500"}
    assert {body["code"] for body in shown(responses["403"])} == {"AccessDenied"}
    for status in ("400", "403", "404", "412", "416", "500"):
        for body in shown(responses[status]):
            TypeAdapter(DIALECTS[0].error_type).validate_python(body, extra="forbid")


def test_operations_have_names_of_their_own() -> None:
    names = [operation.docs.operation_id for _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
