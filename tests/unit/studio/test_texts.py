"""The texts of the studio: each in both languages, each used, and none missing that a page names."""

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from string import Formatter

import pytest
from jinja2 import Environment, FileSystemLoader, nodes

from wanserve.domain.errors import WanserveError
from wanserve.domain.generation import Generation
from wanserve.domain.progress import Stage
from wanserve.domain.task import State
from wanserve.studio.language import Language, read_texts
from wanserve.studio.making import FIELDS
from wanserve.studio.rendering import FOLDER
from wanserve.studio.understood import WORLD
from wanserve.studio.wall import STATES
from wanserve.studio.watching import SHARE_HOURS

TEXTS = read_texts()
NAMES = list(TEXTS[Language.EN].by_name)
TEMPLATES = sorted((FOLDER / "templates").iterdir())
MODULES = sorted(FOLDER.glob("*.py"))

UNDERSTOOD = ("lead", *WORLD, "camera", "without", "unknown")
FAMILIES = {
    "state.*": [f"state.{state}" for state in State],
    "stage.*": [f"stage.{stage}" for stage in Stage],
    "setting.*": [
        "setting.size",
        *(f"setting.{field.name}" for field in fields(Generation) if field.name not in ("width", "height")),
    ],
    "restore.*": ["restore.whole", "restore.without_prompt"],
    "share.hours_*": [f"share.hours_{hours}" for hours in SHARE_HOURS],
    "server.*_time": ["server.ended_time", "server.used_time"],
    "problem.*": [name for name in NAMES if name.startswith("problem.")],
    "wall.*": [f"wall.{state}" for state in STATES],
    "*": [f"understood.{name}" for name in UNDERSTOOD],
}
"""The names that are put together while a page is made, by the form in which the page has them."""


def of_template(expression: nodes.Node) -> Iterator[str]:
    """The names that an expression of a template may give, with * for what it does not say."""
    match expression:
        case nodes.Const(value=value):
            yield str(value)
        case nodes.CondExpr(expr1=first, expr2=second):
            yield from of_template(first)
            assert second is not None
            yield from of_template(second)
        case nodes.Add(left=left, right=right):
            yield from (before + after for before in of_template(left) for after in of_template(right))
        case nodes.Mod(left=nodes.Const(value=value)):
            yield str(value).replace("%d", "*")
        case _:
            yield "*"


def of_module(expression: ast.expr) -> str:
    """The same for an expression of Python."""
    match expression:
        case ast.Constant(value=str() as value):
            return value
        case ast.JoinedStr(values=parts):
            return "".join(of_module(part) for part in parts)
        case _:
            return "*"


def names_in_template(file: Path) -> set[str]:
    parsed = Environment(loader=FileSystemLoader(file.parent), autoescape=True).parse(file.read_text(encoding="utf-8"))
    calls = [
        call for call in parsed.find_all(nodes.Call) if isinstance(call.node, nodes.Name) and call.node.name == "t"
    ]
    return {name for call in calls for name in of_template(call.args[0])}


def names_in_module(file: Path) -> set[str]:
    found = set()
    for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("text", "texts"):
            found.add(of_module(call.args[0]))
    # That of the templates, which hands the name on.
    return found - {"*"} if file.name == "rendering.py" else found


def spelled_out(names: set[str]) -> set[str]:
    return {each for name in names for each in FAMILIES.get(name, [name])}


def places(text: str) -> list[str]:
    """The names of the values in a text, sorted."""
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("name", NAMES)
def test_a_text_is_there_in_every_language_with_the_same_values(name: str) -> None:
    written = [TEXTS[language].by_name[name] for language in Language]
    assert all(text.strip() for text in written)
    assert len({tuple(places(text)) for text in written}) == 1, written


def test_every_language_has_exactly_one_text_of_each_name() -> None:
    tables = tomllib.loads((FOLDER / "texts.toml").read_text(encoding="utf-8"))
    for table, texts in tables.items():
        for name, written in texts.items():
            assert len(written) == len(Language), f"{table}.{name}"


@pytest.mark.parametrize("file", [*TEMPLATES, *MODULES], ids=lambda file: file.name)
def test_every_text_that_a_page_names_exists(file: Path) -> None:
    named = names_in_template(file) if file.suffix == ".html" else names_in_module(file)
    assert {name for name in named if "*" in name} <= FAMILIES.keys(), "a family that this test does not know"
    assert spelled_out(named) <= set(NAMES)


def test_no_text_is_unused() -> None:
    used = [names_in_template(file) for file in TEMPLATES] + [names_in_module(file) for file in MODULES]
    assert set(NAMES) - spelled_out(set().union(*used)) == set()


def codes(error: type[WanserveError]) -> set[str]:
    """The codes of an error and of all that are more special."""
    return {error.code}.union(*(codes(each) for each in error.__subclasses__()))


def test_every_problem_is_that_of_a_field_or_of_an_error_that_there_is() -> None:
    """Their names are looked up while pages are made, so nothing else would tell of one that is misspelt."""
    names = {name.removeprefix("problem.") for name in FAMILIES["problem.*"]}
    assert set(FIELDS) <= names
    assert names - set(FIELDS) - {"other"} <= codes(WanserveError)


def test_every_family_is_used() -> None:
    """Else a name of one that is gone would count as used for ever."""
    used = [names_in_template(file) for file in TEMPLATES] + [names_in_module(file) for file in MODULES]
    assert FAMILIES.keys() <= set().union(*used)


def test_a_text_without_its_value_or_of_an_unknown_name_is_an_error() -> None:
    text = TEXTS[Language.EN]
    assert text("time.seconds", n=5) == "5 s"
    for name, values in (("time.seconds", {}), ("time.nothing", {"n": 5})):
        with pytest.raises(KeyError):
            text(name, **values)
    assert text.has("time.seconds")
    assert not text.has("time.nothing")
