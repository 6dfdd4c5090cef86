"""How far an attempt is: its stage, the steps of that stage, and the seconds that are left by what others took lately."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Final

from wanserve.domain.generation import Generation

KEPT_TIMES: Final = 15
"""By how many of the last attempts of a kind an estimate is made."""

OWN_SHARE: Final = 0.5
"""From this share of a stage on, its end is estimated by its own pace alone, and no longer by that of earlier attempts."""


class Stage(StrEnum):
    """What is done for a task, in the order in which it is done. Not every engine has each stage.

    WAITING and LOADING are stages of a task that is PENDING: in the second its model is being loaded for it.
    """

    WAITING = "waiting"
    LOADING = "loading"
    TEXT = "text"
    """The prompt is written out, or read by the text encoder."""
    DENOISE = "denoise"
    """The diffusion model, or an upstream that does not say what it does."""
    DECODE = "decode"
    """Latents become pictures, which are encoded as they come."""
    ENCODE = "encode"
    """Pictures that were not decoded are drawn and encoded; and the end of the file is written, and read back."""
    STORE = "store"


ORDER: Final = tuple(Stage)


@dataclass(frozen=True, slots=True)
class Picture:
    """A small picture of a video that is not finished. `rgb` has three bytes for each pixel, row by row."""

    width: int
    height: int
    rgb: bytes


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an attempt is. `fraction` is that of the whole attempt, 0.0 to 1.0.

    The stage has done `step` of its `steps`; 0 of 0 where it does not count. `picture` is what the engine has so far, where
    it shows that; `preview` is the step whose picture was stored last, 0 where none was.
    """

    fraction: float
    stage: Stage
    step: int = 0
    steps: int = 0
    picture: Picture | None = None
    preview: int = 0

    @property
    def is_last_step(self) -> bool:
        """Whether the stage has done all of its steps."""
        return 0 < self.steps == self.step


NOT_BEGUN: Final = Progress(0.0, Stage.TEXT)
"""An attempt that has reported nothing yet."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a running attempt tells of itself: how far it is, and the seconds that it expects to take; None: unknown."""

    progress: Progress = NOT_BEGUN
    left_s: float | None = None

    @property
    def left_ms(self) -> int | None:
        """The same in milliseconds."""
        return None if self.left_s is None else round(self.left_s * 1000)


StageTimes = Mapping[Stage, float]
"""The seconds that an attempt which made a video spent in each stage."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Attempts that take about as long as each other: of one model and size, on one device.

    `pace` is what their requests chose that changes how long they take: see `Chosen.pace`.
    """

    model: str
    width: int
    height: int
    frames: int
    device: str
    pace: str = ""


def kind_of(generation: Generation, device: str) -> Kind:
    """The kind of an attempt at the generation on this device."""
    made = generation
    return Kind(made.model, made.width, made.height, made.frames, device, made.chosen.pace)


def last_times() -> "defaultdict[Kind, deque[StageTimes]]":
    """An empty table of times by kind, which keeps the last KEPT_TIMES of each."""
    return defaultdict(lambda: deque(maxlen=KEPT_TIMES))


@dataclass(slots=True)
class Stopwatch:
    """Measures the stages of one attempt and estimates its end. Every `now_s` is a reading of one monotonic clock.

    `earlier` are the times of earlier attempts of its kind, newest last; it may be empty. What comes after a stage's last
    step counts for the stage after it: its pace says nothing about that.
    """

    started_s: float
    earlier: Sequence[StageTimes]
    spent: dict[Stage, float] = field(default_factory=dict, init=False)
    """The seconds of the stages that are over."""

    estimates: list[tuple[float, float]] = field(default_factory=list, init=False)
    """Each time at which somebody asked how many seconds are left, with the answer."""

    _now: Progress | None = field(default=None, init=False)
    _began_s: float = field(init=False)
    """When the present stage began. What comes before the first one counts as part of it."""

    _moved_s: float = field(init=False)
    """When the present stage came to its present step."""

    def __post_init__(self) -> None:
        self._began_s = self._moved_s = self.started_s

    def note(self, progress: Progress, now_s: float) -> None:
        """Note what the child reported. What goes back is ignored."""
        before = self._now
        if before is not None:
            further = ORDER.index(progress.stage) - ORDER.index(before.stage)
            if further < 0 or (further == 0 and progress.fraction <= before.fraction):
                return
            if further > 0:
                over_s = self._moved_s if before.is_last_step else now_s
                self.spent[before.stage] = over_s - self._began_s
                self._began_s = over_s
        self._now, self._moved_s = progress, now_s

    def times(self, now_s: float) -> StageTimes:
        """The times of the attempt, which has just made its video."""
        if self._now is None:
            return self.spent
        if not self._now.is_last_step:
            return self.spent | {self._now.stage: now_s - self._began_s}
        return self.spent | {self._now.stage: self._moved_s - self._began_s, Stage.STORE: now_s - self._moved_s}

    def error(self, ended_s: float) -> float | None:
        """By how much the estimate at half time was wrong, as a share of what really was left; None where there was none."""
        half_s = (self.started_s + ended_s) / 2
        asked_s, left_s = min(self.estimates, key=lambda each: abs(each[0] - half_s), default=(ended_s, 0.0))
        return abs(left_s - (ended_s - asked_s)) / (ended_s - asked_s) if ended_s > asked_s else None

    def left_s(self, now_s: float) -> float | None:
        """The seconds that are left; None where nothing is known yet. The answer is kept in `estimates`."""
        left_s = self._left_s(now_s)
        if left_s is not None:
            self.estimates.append((now_s, left_s))
        return left_s

    def _left_s(self, now_s: float) -> float | None:
        """The seconds that are left.

        The present stage goes on at its own pace, which counts the more the further it is, and the later ones take as
        long as they took lately. Without earlier attempts the whole goes on as the fraction has grown so far.
        """
        now = self._now
        if now is None:
            whole_s = typical_s(self.earlier)
            return None if whole_s is None else max(0.0, whole_s - (now_s - self.started_s))
        known = [times[now.stage] for times in self.earlier if now.stage in times]
        if not known:
            return self._left_by_fraction_s(now, now_s)
        later_s = sum(_typical_stage_s(self.earlier, each) for each in ORDER[ORDER.index(now.stage) + 1 :])
        if now.is_last_step:
            return max(0.0, later_s - (now_s - self._moved_s))
        share = now.step / now.steps if now.steps else 0.0
        trust = min(1.0, share / OWN_SHARE)
        own_s = (self._moved_s - self._began_s) / share if share else 0.0
        stage_s = trust * own_s + (1 - trust) * median(known)
        return later_s + max(0.0, stage_s - (now_s - self._began_s))

    def _left_by_fraction_s(self, now: Progress, now_s: float) -> float | None:
        """The seconds that are left where nothing is known of earlier attempts."""
        if now.fraction == 0 or now.stage is Stage.TEXT:
            # The prompt takes a share of the time that says nothing about the rest, least of all on a device's first video.
            return None
        return max(0.0, (self._moved_s - self.started_s) / now.fraction - (now_s - self.started_s))


def typical_s(attempts: Sequence[StageTimes]) -> float | None:
    """How long such an attempt takes, by the median of earlier ones; None where there are none."""
    return median(sum(times.values()) for times in attempts) if attempts else None


def _typical_stage_s(attempts: Sequence[StageTimes], stage: Stage) -> float:
    """The median of a stage's seconds, with 0 for an attempt that did not have it."""
    return median(times.get(stage, 0.0) for times in attempts)
