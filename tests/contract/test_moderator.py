"""What every Moderator does: the one of the server, with a list and an endpoint over HTTP, and the fake of other tests."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.integration.scripted import reply
from tests.moderators import KEY, LISTED, FakeModerator, judging
from wanserve.domain.moderation import Moderator, NoVerdict, Passed, Refused
from wanserve.prompts.deny_list import compile_list
from wanserve.prompts.moderation import Moderation
from wanserve.prompts.moderation_endpoint import EndpointAsker, ModerationEndpoint


@dataclass
class Bench:
    """A moderator, and what takes its endpoint down."""

    moderator: Moderator
    take_down: Callable[[], None]


@pytest.fixture(params=["fake", "real"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "fake":
        fake = FakeModerator()
        yield Bench(fake, lambda: setattr(fake, "down", True))
        return
    with judging() as judge:
        asker = EndpointAsker(ModerationEndpoint(f"{judge.url}/v1", KEY))
        with closing(Moderation(compile_list(LISTED), asker)) as real:
            asker.begin()
            yield Bench(real, lambda: setattr(judge, "answer", reply({}, 500)))


def test_the_list_judges_each_text_and_the_first_that_it_refuses_is_named(bench: Bench) -> None:
    assert bench.moderator.look_up({"prompt": "a cat"}) == Passed()
    assert bench.moderator.look_up({"prompt": "a GORE cat", "negative_prompt": "gore"}) == Refused("prompt")
    assert bench.moderator.look_up({"prompt": "a cat", "negative_prompt": "no gore"}) == Refused("negative_prompt")


def test_the_list_does_not_know_what_the_endpoint_flags_nor_the_other_way_round(bench: Bench) -> None:
    assert bench.moderator.look_up({"prompt": "blood"}) == Passed()
    assert bench.moderator.ask({"prompt": LISTED}).result(10) == Passed()


def test_the_endpoint_judges_each_text_and_names_the_field_and_the_categories(bench: Bench) -> None:
    assert bench.moderator.asks
    assert bench.moderator.ask({"prompt": "a cat"}).result(10) == Passed()
    assert bench.moderator.ask({"prompt": "a slur in blood"}).result(10) in (
        Refused("prompt", ("violence", "hate")),
        Refused("prompt", ("hate", "violence")),
    )
    only_negative = {"prompt": "a cat", "negative_prompt": "blood"}
    assert bench.moderator.ask(only_negative).result(10) == Refused("negative_prompt", ("violence",))


def test_an_endpoint_that_is_down_gives_no_verdict_and_says_when_to_ask_again(bench: Bench) -> None:
    bench.take_down()
    verdict = bench.moderator.ask({"prompt": "blood"}).result(10)
    assert isinstance(verdict, NoVerdict)
    assert verdict.retry_after_s > 0
    assert bench.moderator.look_up({"prompt": LISTED}) == Refused("prompt")
