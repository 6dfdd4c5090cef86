"""The policy of moderation: what is judged, in which order, and that a refused submit leaves nothing behind."""

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from tests.moderators import FakeModerator
from tests.samples import VIDEO
from wanserve.domain.account import Key
from wanserve.domain.catalogue import MODELS
from wanserve.domain.errors import (
    InvalidRequest,
    ModelDenied,
    ModerationBlocked,
    ModerationUnavailable,
    QueueFull,
    StoreUnavailable,
    VideoNotReady,
    WanserveError,
)
from wanserve.domain.idempotency import Idempotency, IdempotencyKey, RetryCount, SubmitIdentity
from wanserve.domain.moderation import Passed, Refused, Texts
from wanserve.domain.rules import PROMPT_CHARACTERS, RemixRequest, SubmitRequest, VideoRequest
from wanserve.domain.task import NewTask, State, Task
from wanserve.store.memory import MemoryTasks
from wanserve.tasks import Policy, Tasks

ANN = Key("ann", "ann", "00", 0)
CAT = VideoRequest("wan2.2-t2v-plus", "a cat")
LISTED = replace(CAT, prompt="a gore cat")
FLAGGED = replace(CAT, prompt="a cat in blood")
KEYED = IdempotencyKey("order")


@dataclass
class Bench:
    """The use cases, and who judges."""

    tasks: Tasks
    moderator: FakeModerator

    def submit(self, request: SubmitRequest = CAT, idempotency: Idempotency = None) -> Task:
        return self.tasks.submit(ANN, request, idempotency).result(0)

    def refusal(self, request: SubmitRequest, idempotency: Idempotency = None) -> WanserveError:
        """The error of a submit, which leaves no task."""
        before = self.tasks.unfinished()
        with pytest.raises(WanserveError) as refused:
            self.submit(request, idempotency)
        assert self.tasks.unfinished() == before
        return refused.value

    def opened(self) -> "Bench":
        """The same where submits are accepted without a verdict."""
        return replace(self, tasks=replace(self.tasks, policy=replace(self.tasks.policy, open_when_down=True)))


@pytest.fixture
def bench() -> Iterator[Bench]:
    ids = iter(str(UUID(int=number)) for number in range(1000))
    moderator = FakeModerator()
    store = MemoryTasks(lambda: 1_000_000)
    yield Bench(
        Tasks(store, lambda: MODELS, lambda: next(ids), lambda: 7, Policy(max_queued=3), moderator=moderator), moderator
    )
    assert moderator.waiting == []


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
@pytest.mark.parametrize(("word", "categories"), [("gore", ()), ("blood", ("violence",))])
def test_either_text_is_refused_by_either_judge_and_the_word_is_not_told(
    bench: Bench, field: str, word: str, categories: tuple[str, ...]
) -> None:
    text = f"some {word}"
    error = bench.refusal(replace(CAT, prompt=text) if field == "prompt" else replace(CAT, negative_prompt=text))
    assert isinstance(error, ModerationBlocked)
    assert (error.field, error.categories) == (field, categories)
    assert str(error).startswith(f"{field}: the rules of this server do not allow this text")
    assert word not in str(error)


def test_what_passes_is_stored_and_both_texts_were_judged(bench: Bench) -> None:
    task = bench.submit(replace(CAT, negative_prompt="dogs"))
    assert task.state is State.PENDING
    bench.submit()
    assert bench.moderator.asked == [{"prompt": "a cat", "negative_prompt": "dogs"}, {"prompt": "a cat"}]


def test_what_is_cut_off_is_not_judged(bench: Bench) -> None:
    bench.submit(replace(CAT, prompt="cat " * (PROMPT_CHARACTERS // 4) + "gore blood"))
    assert len(bench.moderator.asked[0]["prompt"]) == PROMPT_CHARACTERS


def test_an_invalid_request_and_a_denied_model_are_told_before_the_rules_for_words(bench: Bench) -> None:
    assert isinstance(bench.refusal(replace(LISTED, seed=-1)), InvalidRequest)
    url = "http://127.0.0.1/"
    assert isinstance(bench.refusal(replace(LISTED, webhook_url=url)), InvalidRequest)
    restricted = replace(ANN, models=frozenset({"wanx2.1-t2v-turbo"}))
    with pytest.raises(ModelDenied):
        bench.tasks.submit(restricted, LISTED)
    assert bench.moderator.asked == []


def test_what_the_list_refuses_is_not_asked_of_the_endpoint(bench: Bench) -> None:
    bench.refusal(replace(LISTED, negative_prompt="blood"))
    assert bench.moderator.asked == []


def test_a_full_queue_is_told_after_the_rules(bench: Bench) -> None:
    for _ in range(3):
        bench.submit()
    assert isinstance(bench.refusal(FLAGGED), ModerationBlocked)
    assert isinstance(bench.refusal(CAT), QueueFull)


def test_without_an_endpoint_only_the_list_judges(bench: Bench) -> None:
    bench.moderator.asks = False
    assert isinstance(bench.refusal(LISTED), ModerationBlocked)
    bench.submit(FLAGGED)
    assert bench.moderator.asked == []


def test_closed_an_endpoint_that_is_down_refuses_and_says_when_to_come_back(bench: Bench) -> None:
    bench.moderator.down = True
    error = bench.refusal(CAT)
    assert isinstance(error, ModerationUnavailable)
    assert (error.retryable, error.retry_after_s) == (True, 5)
    assert isinstance(bench.refusal(LISTED), ModerationBlocked)


def test_open_an_endpoint_that_is_down_refuses_nothing_and_the_list_still_judges(bench: Bench) -> None:
    bench.moderator.down = True
    opened = bench.opened()
    assert opened.submit(FLAGGED).generation.prompt == FLAGGED.prompt
    assert isinstance(opened.refusal(LISTED), ModerationBlocked)
    bench.moderator.down = False
    assert isinstance(opened.refusal(FLAGGED), ModerationBlocked)


class StricterModerator(FakeModerator):
    """Its list has become longer."""

    def look_up(self, texts: Texts) -> Passed | Refused:
        return super().look_up({name: text.replace("knife", "gore") for name, text in texts.items()})


@pytest.mark.parametrize("tries", [(KEYED, KEYED, KEYED), (RetryCount(0), RetryCount(1), RetryCount(2))])
def test_an_accepted_submit_stays_accepted_and_is_not_judged_again(
    bench: Bench, tries: tuple[Idempotency, ...]
) -> None:
    knife = replace(CAT, prompt="a knife")
    first = bench.submit(knife, tries[0])
    for moderator, again in zip((StricterModerator(), FakeModerator(down=True)), tries[1:], strict=True):
        later = replace(bench.tasks, moderator=moderator)
        assert later.submit(ANN, knife, again).result(0) == first
        assert moderator.asked == []
    assert bench.tasks.unfinished() == [first]


@pytest.mark.parametrize("refused", [LISTED, FLAGGED])
def test_a_refused_submit_uses_up_no_idempotency_key(bench: Bench, refused: VideoRequest) -> None:
    assert isinstance(bench.refusal(refused, KEYED), ModerationBlocked)
    # Another request may have the key now, which it could not if anything were stored for it.
    assert bench.submit(CAT, KEYED).generation.prompt == "a cat"


def test_a_key_of_another_request_is_told_as_ever_and_that_one_is_not_judged(bench: Bench) -> None:
    bench.submit(CAT, KEYED)
    asked = len(bench.moderator.asked)
    error = bench.refusal(replace(CAT, prompt="a dog"), KEYED)
    assert isinstance(error, InvalidRequest)
    assert error.field == "Idempotency-Key"
    assert len(bench.moderator.asked) == asked


def test_the_retry_of_a_submit_that_found_the_endpoint_down_is_a_new_one(bench: Bench) -> None:
    """Two calls with the same body: the retry of the one that was refused must not get the task of the other."""
    other = bench.submit(CAT, RetryCount(0))
    bench.moderator.down = True
    assert isinstance(bench.refusal(CAT, RetryCount(0)), ModerationUnavailable)
    bench.moderator.down = False
    assert bench.submit(CAT, RetryCount(1)).id != other.id


def test_a_client_that_goes_away_while_it_is_judged_gets_no_task(bench: Bench) -> None:
    bench.moderator.held = True
    for idempotency in (None, KEYED, RetryCount(0)):
        assert bench.tasks.submit(ANN, CAT, idempotency).cancel()
        bench.moderator.release()
    assert bench.tasks.unfinished() == []
    bench.moderator.held = False
    # Its retry is new work.
    assert bench.submit(CAT, RetryCount(1)).state is State.PENDING


def test_while_one_submit_is_judged_others_are_accepted_polled_and_canceled(bench: Bench) -> None:
    first = bench.submit()
    bench.moderator.held = True
    waiting = bench.tasks.submit(ANN, CAT)
    assert bench.tasks.get("ann", first.id) == first
    assert bench.tasks.cancel("ann", first.id).state is State.CANCELED
    assert not waiting.done()
    bench.moderator.release()
    assert waiting.result(0).state is State.PENDING


def test_a_store_that_fails_after_the_verdict_fails_the_submit(bench: Bench) -> None:
    class Full(MemoryTasks):
        def add(self, new: NewTask, max_queued: int, identity: SubmitIdentity | None = None) -> Future[Task]:
            raise StoreUnavailable("the disk is full")

    tasks = replace(bench.tasks, store=Full(lambda: 1_000_000))
    with pytest.raises(StoreUnavailable):
        tasks.submit(ANN, CAT).result(0)


def test_a_remix_is_judged_by_its_new_prompt_and_the_negative_prompt_that_it_takes_over(bench: Bench) -> None:
    source = bench.submit(replace(CAT, negative_prompt="a knife"))
    assert isinstance(bench.refusal(RemixRequest(source.id, "gore")), VideoNotReady)
    claimed = bench.tasks.claim("worker", MODELS)
    assert claimed is not None
    bench.tasks.succeed(claimed, VIDEO)
    for prompt in ("some gore", "some blood"):
        error = bench.refusal(RemixRequest(source.id, prompt))
        assert isinstance(error, ModerationBlocked)
        assert error.field == "prompt"
    remixed = bench.submit(RemixRequest(source.id, "a dog"))
    assert remixed.remixed_from == source.id
    assert bench.moderator.asked[-1] == {"prompt": "a dog", "negative_prompt": "a knife"}
    stricter = replace(bench, tasks=replace(bench.tasks, moderator=StricterModerator()))
    error = stricter.refusal(RemixRequest(source.id, "a dog"))
    assert isinstance(error, ModerationBlocked)
    assert error.field == "negative_prompt"
