"""Where an answer ends, and what a request holds."""

import contextlib
import socket
import threading

import pytest

from bench.load import Load, answer_end, post, send

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-length: 2\r\n\r\n{}"


def test_an_answer_ends_where_its_length_says() -> None:
    assert answer_end(ANSWER) == len(ANSWER)
    assert answer_end(ANSWER[:-1]) == len(ANSWER)


def test_the_end_is_unknown_while_the_head_is_not_whole() -> None:
    assert answer_end(b"") is None
    assert answer_end(ANSWER[:40]) is None


def test_a_length_in_the_body_is_not_the_head_s() -> None:
    text = b"HTTP/1.1 200 OK\r\n\r\n\r\ncontent-length: 9\r\n"
    with pytest.raises(RuntimeError, match="not the answer"):
        answer_end(text)


def test_a_refusal_ends_the_load() -> None:
    with pytest.raises(RuntimeError, match="429"):
        answer_end(ANSWER.replace(b"200 OK", b"429 Too Many Requests"))


def test_a_request_is_whole() -> None:
    head, body = post("/a", b'{"task_id": "1"}', {"Key": "k"}).split("\r\n\r\n")
    assert head.startswith("POST /a HTTP/1.1\r\n")
    assert "Content-Length: 16" in head
    assert head.endswith("Key: k")
    assert body == '{"task_id": "1"}'


def test_answers_are_counted_also_in_pieces() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_answer, args=(listener,), daemon=True).start()
        done = send(Load(listener.getsockname()[1], [post("/", b"", {})], connections=2, seconds=30, count=20))
    assert done.count == 20
    assert done.per_second > 0


def _answer(listener: socket.socket) -> None:
    def serve(connection: socket.socket) -> None:
        # The load goes away with its last answers on their way.
        with connection, contextlib.suppress(OSError):
            while connection.recv(65536):
                connection.sendall(ANSWER[:30])
                connection.sendall(ANSWER[30:])

    for _ in range(2):
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
