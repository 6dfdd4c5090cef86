"""What `wanserve verify` says of a file, by what was found in it."""

from pathlib import Path
from typing import Any

import pytest

from wanserve.cli.verify import VERDICTS, lines_of, verdict_of
from wanserve.domain.marks import MadeFile

SIGNED = {
    "signer": "Example", "program": "wanserve 1.0.0", "made_by": "", "model": "", "source": "", "made_at": "",
    "signed_at": "", "trusted": False, "altered": False, "problems": [],
}  # fmt: skip
NOTHING: dict[str, Any] = {
    "sha256": "ab" * 32, "kind": "video/mp4", "tags": {}, "label": None, "source": "", "program": "",
    "credentials": None, "problems": [],
}  # fmt: skip
LABEL = dict.fromkeys(("producer", "produce_id", "reserved_1", "propagator", "propagate_id", "reserved_2"), "")
ORIGIN = "Generated video, not a recording. Made by wanserve 1.0.0 with the engine wan, model m, seed 1"
MADE = [MadeFile("task", "ann", "mp4", "m", "wan", 0)]

CASES: list[tuple[str, dict[str, Any], list[MadeFile]]] = [
    ("whole", {"credentials": SIGNED}, []),
    ("whole", {}, MADE),
    ("altered", {"credentials": SIGNED | {"altered": True, "problems": ["assertion.bmffHash.mismatch"]}}, []),
    ("altered", {"credentials": SIGNED | {"altered": True, "problems": ["assertion.bmffHash.mismatch"]}}, MADE),
    ("altered", {"tags": {"description": f"{ORIGIN}, id 19d8e7a6-c652-4f0e-9a53-0f6f4a1e2b3c."}}, []),
    ("altered", {"program": "wanserve 1.0.0", "source": "x"}, []),
    ("invalid", {"credentials": SIGNED | {"problems": ["signingCredential.expired"]}}, []),
    ("unsigned", {"tags": {"title": "Generated video", "description": f"{ORIGIN}."}}, []),
    ("unsigned", {"label": LABEL | {"label": "1"}}, []),
    ("unsigned", {"source": "http://x/y"}, []),
    ("unmarked", {"tags": {"title": "My holidays"}}, []),
    ("unmarked", {}, []),
]


@pytest.mark.parametrize(("verdict", "found", "made"), CASES)
def test_each_finding_has_its_verdict(verdict: str, found: dict[str, Any], made: list[MadeFile]) -> None:
    whole = NOTHING | found
    assert verdict_of(whole, made) == verdict
    names = [name for name, _ in lines_of(whole, made)]
    assert names[0] == "sha256"
    assert ("made here" in names) == bool(made)
    assert ("signed by" in names) == (whole["credentials"] is not None)


def test_each_verdict_is_one_of_the_documented() -> None:
    assert {verdict for verdict, *_ in CASES} == set(VERDICTS)
    text = (Path(__file__).parents[2] / "docs" / "provenance.md").read_text(encoding="utf-8")
    assert [name for name in VERDICTS if f"| `{name}` |" not in text] == []
