"""Writes docs/openapi.json, the OpenAPI document that the server serves: `make openapi`, after what it tells of changed."""

import json
from pathlib import Path

from wanserve.app import api_document

FILE = Path(__file__).parents[1] / "docs" / "openapi.json"


def text() -> str:
    """The document as the file has it."""
    return json.dumps(api_document(), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
