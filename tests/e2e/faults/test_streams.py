"""An event stream whose server is killed: the next one goes on where it broke off."""

from pathlib import Path

from tests.e2e.faults.harness import Rig, rig
from tests.e2e.sse import Told, assert_never_goes_back, events, path_of, streaming


def told_until_running(made: Rig, task_id: str) -> Told:
    with streaming(made.server, path_of(task_id)) as answer:
        return next(each for each in events(answer) if each.data["state"] == "running")


def test_a_stream_goes_on_after_the_server_was_killed(tmp_path: Path, store: str) -> None:
    with rig(tmp_path, store=store) as made:
        task_id = made.accept_held()
        seen = told_until_running(made, task_id)
        made.kill()
        made.start()
        with streaming(made.server, path_of(task_id), last=seen.id) as answer:
            told = events(answer)
            assert next(told).id > seen.id, "it was taken back meanwhile"
            made.release()
            rest = list(told)
        assert rest[-1].name == "video.completed"
        assert_never_goes_back(rest)
