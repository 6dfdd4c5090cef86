"""What is refused before anything is connected, and how an error of Ray is told."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from wanserve.cli import main
from wanserve.domain.errors import SetupError
from wanserve.placement.fleet_actor import FleetActor, actor_settings, order_of
from wanserve.placement.messages import RayOptions
from wanserve.placement.plan import Phase
from wanserve.placement.ray_errors import LENGTH, one_line
from wanserve.placement.supervise import _require_answer, _with_gpus, work_on_ray
from wanserve.settings import Settings

OPTIONS = RayOptions("127.0.0.1:1", replicas=1, gpus_per_worker=1)


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("ray://head:10001", "must be HOST:PORT of the cluster's head, or auto"),
        ("head", "must be HOST:PORT of the cluster's head, or auto"),
        ("head:x", "must be HOST:PORT of the cluster's head, or auto"),
        ("127.0.0.1:99999", "127.0.0.1:99999: "),
        ("no-such-host.invalid:6379", "no-such-host.invalid:6379: "),
    ],
)
def test_an_address_that_cannot_be_one_is_refused(address: str, problem: str) -> None:
    with pytest.raises(SetupError) as refused:
        _require_answer(address)
    assert str(refused.value).startswith(f"--ray: {problem}")


def test_a_port_that_nobody_listens_at_is_refused_with_the_systems_words() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(SetupError, match=f"^--ray: 127.0.0.1:{port}: Connection refused$"):
            _require_answer(f"127.0.0.1:{port}")
        bound.listen()
        _require_answer(f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("replicas", "gpus", "named"), [(-1, 1, "--replicas"), (1, -1, "--gpus-per-worker"), (1, 3, "--gpus-per-worker")]
)
def test_counts_that_make_no_sense_are_refused(replicas: int, gpus: int, named: str) -> None:
    with pytest.raises(SetupError, match=f"^{named}: "):
        _with_gpus(Settings(gpus_per_video=2), RayOptions("auto", replicas, gpus))


def test_all_gpus_of_a_worker_make_one_video_unless_the_owner_says_otherwise() -> None:
    four = RayOptions("auto", 1, 4)
    assert _with_gpus(Settings(), four).gpus_per_video == 4
    assert _with_gpus(Settings(gpus_per_video=2), four).gpus_per_video == 2
    assert _with_gpus(Settings(), RayOptions("auto", 1, 0)).gpus_per_video == 1


def test_a_worker_on_ray_shares_a_database(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="WANSERVE_DATABASE_URL is not set"):
        work_on_ray(Settings(data_dir=tmp_path), OPTIONS)


def test_the_counts_belong_to_ray(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", "--replicas", "2"]) == 1
    assert capsys.readouterr().err == "wanserve: --replicas needs --ray ADDRESS\n"


def test_an_error_is_one_line_without_secrets() -> None:
    error = RuntimeError("Version mismatch:\n    Ray: 2.50.0\n  the token s3cret is wrong")
    assert one_line(error, {"RAY_AUTH_TOKEN": "s3cret"}) == "Version mismatch: Ray: 2.50.0 the token *** is wrong"
    denied = ConnectionError("no connection")
    denied.__cause__ = RuntimeError("the token\nis wrong")
    assert one_line(denied, {}) == "no connection: the token is wrong"
    traced = (
        'Cannot connect. Traceback (most recent call last):\n  File "node.py", line 996, in f\n    g()\nE: wrong token'
    )
    assert one_line(RuntimeError(traced), {}) == "Cannot connect. E: wrong token"
    assert one_line(SystemExit(), {}) == "SystemExit"
    assert len(one_line(ValueError("long " * 1000), {})) == LENGTH


def test_an_actor_has_a_folder_of_its_own_and_the_weights_of_its_node(tmp_path: Path) -> None:
    node = Settings(data_dir=tmp_path)
    first, again = (actor_settings(node, "worker-0", ["3", "4"]) for _ in range(2))
    assert (first, first.devices, first.data_dir) == (again, "3,4", tmp_path / "ray" / "worker-0")
    assert first.models_dir.resolve() == node.models_dir.resolve()
    assert actor_settings(node, "worker-1", []).data_dir != first.data_dir


UPSTREAM = {"name": "there", "url": "http://127.0.0.1:1/v1", "dialect": "openai", "models": ["wan2.2-t2v-plus"]}


def test_the_fingerprint_tells_apart_what_needs_new_actors(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=SecretStr("postgresql://u:one@h/d"))
    prints = [
        order_of(settings, 1),
        order_of(settings, 2),
        order_of(settings.model_copy(update={"run_length": 3}), 1),
        order_of(Settings(data_dir=tmp_path, database_url=SecretStr("postgresql://u:two@h/d")), 1),
    ]
    prints += [
        order_of(Settings.model_validate({"data_dir": tmp_path, "upstreams": [{**UPSTREAM, "key": key}]}), 1)
        for key in ("one-key", "another")
    ]
    assert len({order.fingerprint for order in prints}) == len(prints)
    assert not any("another" in order.fingerprint for order in prints)
    assert order_of(settings, 1) == prints[0]
    assert "one" not in repr(prints[0])


def test_an_actor_of_another_version_of_wanserve_says_so_and_runs_nothing(tmp_path: Path) -> None:
    order = replace(order_of(Settings(data_dir=tmp_path), 1), version="0.0.1")
    actor = FleetActor(order, "worker-0", ["0"])
    actor.drain()
    state = actor.state()
    assert (state.phase, state.fingerprint) == (Phase.LOST, order.fingerprint)
    assert "the controller is 0.0.1" in str(state.problem)
    assert list(tmp_path.iterdir()) == []


def test_an_actor_whose_node_is_not_set_up_says_why(tmp_path: Path) -> None:
    (tmp_path / "ray").write_text("a file where a folder belongs")
    actor = FleetActor(order_of(Settings(data_dir=tmp_path), 1), "worker-0", [])
    assert "the data directory" in str(actor.state().problem)
