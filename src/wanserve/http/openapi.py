"""Builds the OpenAPI document from the code: request models, typed answers, and the errors that each operation can raise."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, Literal, Union, assert_never, get_args, get_type_hints

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema, to_jsonable_python

from wanserve.domain.catalogue import MODELS
from wanserve.domain.errors import WanserveError
from wanserve.domain.task import Task, Variant
from wanserve.http.dialects import samples
from wanserve.http.dialects.base import (
    IDEMPOTENCY_HEADER,
    AddWebhook,
    CancelTask,
    Content,
    Delete,
    Dialect,
    Events,
    FindFile,
    JsonObject,
    List,
    ListModels,
    ListWebhooks,
    Operation,
    Query,
    Refusal,
    Remix,
    RemoveWebhook,
    Submit,
    Unsupported,
    WebhookOperation,
)
from wanserve.http.files import PATH
from wanserve.http.operation_errors import SIGNED_FILE, errors_of
from wanserve.http.ops import HEALTH_CHECKS, PAGES, HealthCheck
from wanserve.repeats import IDEMPOTENCY_KEY_CHARACTERS

Mode = Literal["validation", "serialization"]
TypeForm = Any
"""A type or a union of types. The standard library has no type for both before Python 3.15."""

Schemas = Mapping[tuple[TypeForm, Mode], JsonObject]

_PATH_PARAMETER: Final = re.compile(r"\{(\w+)(?::path)?\}")
_IDEMPOTENCY_KEY: Final = {
    "name": IDEMPOTENCY_HEADER,
    "in": "header",
    "description": "Makes the submit idempotent: sent again with the same key and body within 24 hours, it gives the first task.",
    "schema": {"type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_CHARACTERS, "pattern": "^[ -~]+$"},
}
_SAMPLES: Final[Mapping[type[Operation], Task]] = {
    Submit: samples.PENDING,
    Remix: replace(samples.PENDING, remixed_from=samples.TASK_ID),
    CancelTask: samples.CANCELED,
}
"""The tasks about which the examples of answers are."""


def document(dialects: Sequence[Dialect], version: str) -> JsonObject:
    """The OpenAPI 3.1 document of every route."""
    schemas, components = _schemas(dialects)
    paths: dict[str, dict[str, object]] = {}
    for dialect in dialects:
        for operation in dialect.operations:
            path = paths.setdefault(operation.path.replace(":path}", "}"), {})
            path[operation.method.lower()] = _operation(dialect, operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "wanserve",
            "version": version,
            "summary": "An open, self-hosted server for the Wan text-to-video API",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        # Relative to the URL of the document itself, so that a proxy may serve it under a prefix.
        "servers": [{"url": "./"}],
        "paths": {
            **paths,
            f"{PATH}{{key}}": {"get": _signed_file(dialects[0], schemas)},
            **{path: {"get": _health_check(check, schemas)} for path, check in HEALTH_CHECKS.items()},
            **{path: {"get": _page(page, media_type)} for path, (page, media_type) in PAGES.items()},
        },
        "components": {
            "schemas": components,
            "securitySchemes": {name: made for one in dialects for name, made in one.security.items()},
        },
    }


def _signed_file(dialect: Dialect, schemas: Schemas) -> JsonObject:
    """The endpoint of signed links, which belongs to no dialect; the first one answers its errors."""
    text = {"required": True, "schema": {"type": "string"}}
    refusals = _by_status((error, dialect.refuse(error, samples.CONTEXT.request_id, None)) for error in SIGNED_FILE)
    return {
        "tags": ["server"],
        "summary": "A video, by the signed link of its task",
        "description": "HEAD, ranges and conditional requests are supported.",
        "security": [],
        "parameters": [
            {"name": "key", "in": "path", **text},
            {"name": "expires", "in": "query", **text},
            {"name": "signature", "in": "query", **text},
        ],
        "responses": {
            **_file_answers(Variant.VIDEO),
            **_refused(refusals, schemas[dialect.error_type, "serialization"]),
        },
    }


def _health_check(check: HealthCheck, schemas: Schemas) -> JsonObject:
    statuses, answer = _status_and_answer(check)
    content = {"application/json": {"schema": schemas[answer, "serialization"]}}
    texts = {200: "Yes.", 503: "No: the body says why."}
    return _own_route(check, {str(status): {"description": texts[status], "content": content} for status in statuses})


def _status_and_answer(check: HealthCheck) -> tuple[Sequence[int], type]:
    """The statuses of a health check and the type of its answer, from the type that it returns."""
    status, answer = get_args(get_type_hints(check)["return"])
    return get_args(status), answer


def _page(page: Callable[..., object], media_type: str) -> JsonObject:
    return _own_route(page, {"200": {"description": "Done.", "content": {media_type: {}}}})


def _own_route(endpoint: Callable[..., object], responses: JsonObject) -> JsonObject:
    """A route of the server itself, which needs no key. The docstring of its endpoint is its summary."""
    summary = (endpoint.__doc__ or "").partition("\n")[0].removesuffix(".")
    return {"tags": ["server"], "summary": summary, "security": [], "responses": responses}


def _file_answers(*variants: Variant) -> dict[str, JsonObject]:
    """The successful answers to a request for a file."""
    return {
        "200": {"description": "The file.", "content": {variant.media_type: {} for variant in variants}},
        "206": {"description": "Ranges of the file."},
        "302": {"description": "Where the file is, if the videos are in a bucket."},
        "304": {"description": "Not changed."},
    }


class _Generator(GenerateJsonSchema):
    """Leaves out what adds no information: titles of fields, and null as a default."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if made.get("default", ...) is None:
            del made["default"]
        return made

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        made = super().nullable_schema(schema)
        match made:
            case {"anyOf": [{"type": str(kind), **rest}, {"type": "null"}]} if not rest:
                return {"type": [kind, "null"]}
        return made


def _schemas(dialects: Sequence[Dialect]) -> tuple[Schemas, JsonObject]:
    """The schema of each request and answer, and the components that these refer to."""
    wanted: dict[tuple[TypeForm, Mode], None] = {}
    for dialect in dialects:
        wanted[dialect.error_type, "serialization"] = None
        for operation in dialect.operations:
            if operation.docs.body is not None:
                wanted[operation.docs.body, "validation"] = None
            if (answer := answer_type(operation)) is not None:
                wanted[answer, "serialization"] = None
    for check in HEALTH_CHECKS.values():
        wanted[_status_and_answer(check)[1], "serialization"] = None
    found, definitions = TypeAdapter.json_schemas(
        [((kind, mode), mode, TypeAdapter(kind)) for kind, mode in wanted],
        schema_generator=_Generator,
        ref_template="#/components/schemas/{model}",
    )
    return {key: schema for (key, _), schema in found.items()}, definitions.get("$defs", {})


def answer_type(operation: Operation) -> TypeForm:
    """The type of the answer with status 200; None where it is a file, or the operation is not supported."""
    match operation:
        case Content() | Events() | Unsupported():
            return None
        case _:
            write = operation.write
            answer = get_type_hints(write.func if isinstance(write, partial) else write)["return"]
            return Union[(answer, *operation.docs.other_answers)]


def _operation(dialect: Dialect, operation: Operation, schemas: Schemas) -> JsonObject:
    docs = operation.docs
    about: dict[str, object] = {"tags": [dialect.name], "operationId": docs.operation_id, "summary": docs.summary}
    if docs.description:
        about["description"] = docs.description
    if parameters := list(_parameters(operation, schemas)):
        about["parameters"] = parameters
    if docs.body is not None:
        content = {"schema": schemas[docs.body, "validation"], "example": docs.body_example}
        about["requestBody"] = {"required": True, "content": dict.fromkeys(docs.body_types, content)}
    about["responses"] = _responses(dialect, operation, schemas)
    about["security"] = [{scheme: []} for scheme in dialect.security]
    return about


def _parameters(operation: Operation, schemas: Schemas) -> Iterator[JsonObject]:
    docs = operation.docs
    for name in _PATH_PARAMETER.findall(operation.path):
        example = docs.path_examples[name]
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": example}
    yield from docs.header_parameters
    if docs.query is not None:
        for name, field in docs.query.model_json_schema(schema_generator=_Generator)["properties"].items():
            schema = {key: value for key, value in field.items() if key != "description"}
            if isinstance(schema.get("type"), list):
                # A query has no null.
                schema["type"] = schema["type"][0]
            yield {"name": name, "in": "query", "schema": schema, "description": field["description"]}
    if isinstance(operation, Submit | Remix):
        yield _IDEMPOTENCY_KEY


def _responses(dialect: Dialect, operation: Operation, schemas: Schemas) -> JsonObject:
    refused_errors = [
        (error, dialect.refuse(error, samples.CONTEXT.request_id, operation)) for error in errors_of(operation)
    ]
    refusals = _by_status((error, refusal) for error, refusal in refused_errors if refusal.status != 200)
    refused = _refused(refusals, schemas[dialect.error_type, "serialization"])
    if isinstance(operation, Content):
        return {**_file_answers(*Variant), **refused}
    if isinstance(operation, Events):
        return {"200": {"description": "The events.", "content": {"text/event-stream": {}}}, **refused}
    answer = answer_type(operation)
    if answer is None:
        return refused
    examples = {
        **dict(_examples(operation)),
        **{type(error).__name__: {"value": refusal.body} for error, refusal in refused_errors if refusal.status == 200},
    }
    about = {
        "description": "Done.",
        "content": {"application/json": {"schema": schemas[answer, "serialization"], "examples": examples}},
        **_headers([operation.poll_header] if isinstance(operation, Query) and operation.poll_header else []),
    }
    return {"200": about, **refused}


RefusedSubmits = Mapping[str, Sequence[tuple[WanserveError, Refusal]]]


def _by_status(refusals: Iterable[tuple[WanserveError, Refusal]]) -> RefusedSubmits:
    found: defaultdict[str, list[tuple[WanserveError, Refusal]]] = defaultdict(list)
    for error, refusal in refusals:
        found[str(refusal.status)].append((error, refusal))
    return dict(sorted(found.items()))


def _refused(refusals: RefusedSubmits, schema: JsonObject) -> dict[str, JsonObject]:
    """The answers to errors, by status, with an example for each error."""
    return {
        status: {
            "description": " ".join(dict.fromkeys((type(error).__doc__ or "").partition("\n")[0] for error, _ in same)),
            "content": {
                "application/json": {
                    "schema": schema,
                    "examples": {type(error).__name__: {"value": refusal.body} for error, refusal in same},
                }
            },
            **_headers(name for _, refusal in same for name in refusal.headers),
        }
        for status, same in refusals.items()
    }


def _headers(names: Iterable[str]) -> JsonObject:
    headers = {name: {"schema": {"type": "string"}} for name in names}
    return {"headers": headers} if headers else {}


def _examples(operation: Operation) -> Iterator[tuple[str, JsonObject]]:
    """Answers that the operation itself writes, about the sample tasks."""
    match operation:
        case Query():
            for task in samples.TASKS:
                context = samples.WITH_VIDEO if task.video else samples.CONTEXT
                yield task.state, _example(operation.write(task, context))
        case Submit() | Remix() | CancelTask():
            yield "done", _example(operation.write(_SAMPLES[type(operation)], samples.CONTEXT))
        case Delete():
            yield "deleted", _example(operation.write(samples.TASK_ID, samples.CONTEXT))
        case List() | ListModels() | FindFile():
            yield "found", _example(_found(operation))
        case AddWebhook() | ListWebhooks() | RemoveWebhook():
            yield "done", _example(_webhook_answer(operation))
        case _:
            return


def _found(operation: List | ListModels | FindFile) -> JsonObject:
    match operation:
        case List():
            return operation.write(samples.FOUND, samples.CONTEXT)
        case ListModels():
            return operation.write(list(MODELS.values()), samples.CONTEXT)
        case FindFile():
            return operation.write([samples.MADE], samples.CONTEXT)
        case _:
            assert_never(operation)


def _webhook_answer(operation: WebhookOperation) -> JsonObject:
    match operation:
        case AddWebhook():
            return operation.write(samples.WEBHOOK, samples.CONTEXT)
        case ListWebhooks():
            return operation.write([samples.WEBHOOK], samples.WEBHOOK.secret, samples.CONTEXT)
        case RemoveWebhook():
            return operation.write(samples.WEBHOOK.id, samples.CONTEXT)
        case _:
            assert_never(operation)


def _example(answer: JsonObject) -> JsonObject:
    return {"value": to_jsonable_python(answer)}
