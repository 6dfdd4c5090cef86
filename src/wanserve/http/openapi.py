"""Puts the OpenAPI document together from what each operation says of itself."""

from collections.abc import Mapping, Sequence
from typing import Final

from wanserve.http.dialects.base import IDEMPOTENCY_HEADER, Dialect, JsonObject, Remix, Submit
from wanserve.tasks import ONCE_KEY_CHARACTERS

_IDEMPOTENCY_KEY: Final = {
    "name": IDEMPOTENCY_HEADER,
    "in": "header",
    "description": "Your own name for this submit: sent again with the same body within 24 hours, it gives the first task.",
    "schema": {"type": "string", "minLength": 1, "maxLength": ONCE_KEY_CHARACTERS, "pattern": "^[ -~]+$"},
}


def document(dialects: Sequence[Dialect], others: Mapping[str, JsonObject], version: str) -> JsonObject:
    """The OpenAPI 3.1 document of every route: the dialects' operations, and `others` by path."""
    paths: dict[str, dict[str, object]] = {}
    for dialect in dialects:
        for operation in dialect.operations:
            about = dict(operation.about) | {"security": [{scheme: []} for scheme in dialect.security]}
            if isinstance(operation, Submit | Remix):
                about["parameters"] = [*operation.about.get("parameters", ()), _IDEMPOTENCY_KEY]
            paths.setdefault(operation.path.replace(":path}", "}"), {})[operation.method.lower()] = about
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "wanserve",
            "version": version,
            "summary": "An open, self-hosted server for the Wan text-to-video API",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        # Relative to where the document itself was found, so that a proxy may serve it under a path of its own.
        "servers": [{"url": "./"}],
        "paths": {**paths, **others},
        "components": {"securitySchemes": {name: made for one in dialects for name, made in one.security.items()}},
    }
