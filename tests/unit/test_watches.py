"""Watches: who runs a task is told when somebody cancels it, also shortly before."""

from wanserve.store.watches import REMEMBERED, Watches


def test_a_task_is_told_of_and_no_other_one() -> None:
    watches = Watches()
    with watches.watch("one") as told, watches.watch("one") as too, watches.watch("two") as other:
        watches.tell("one")
        assert (told.is_set(), too.is_set(), other.is_set()) == (True, True, False)
        told.clear()
        watches.tell_all()
        assert (told.is_set(), other.is_set()) == (True, True)


def test_what_was_told_shortly_before_is_known_and_nothing_is_kept_of_a_watch_that_ended() -> None:
    watches = Watches()
    watches.tell("early")
    with watches.watch("early") as told:
        assert told.is_set()
    with watches.watch("late") as told:
        pass
    watches.tell("late")
    assert not told.is_set()
    assert watches._watching == {}


def test_only_the_last_are_remembered() -> None:
    watches = Watches()
    for number in range(REMEMBERED + 1):
        watches.tell(str(number))
    with watches.watch("0") as forgotten, watches.watch("1") as known:
        assert (forgotten.is_set(), known.is_set()) == (False, True)
