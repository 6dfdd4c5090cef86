"""The studio's pages: what the first one costs the server and the browser, and what 200 open pages cost the server."""

import http.client
import json
import selectors
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.processes import HOST, Listening, listening, wanserve
from bench.result import Result, Target, ratio
from bench.samples import SUBMIT_BODY, SUBMIT_PATH, UNLIMITED, finished_task, opened, owner
from bench.table import insert, spread
from wanserve.core import Core
from wanserve.studio.visit import SESSION_COOKIE

TASKS: Final = 10_000
ROUNDS: Final = 60
WARM_ROUNDS: Final = 5

WALL: Final = 24
"""The videos of one page of the wall."""

LOADS: Final = 9
SETTLED_SECONDS: Final = 2.0
"""After the page is loaded: its pictures have come by then, and its stream has told what it has to tell."""

STREAMS: Final = 200
QUIET_SECONDS: Final = 3.0
MEASURED_SECONDS: Final = 20.0
TASK_SECONDS: Final = 60.0


def page(folder: Path) -> Result:
    """`GET /` of an account with many tasks, against a bare route that answers the same bytes, on one connection each."""
    data_dir, answer = folder / "data", folder / "answer.html"
    with opened(data_dir) as core:
        text, key = owner(core, "bench")
        known = finished_task(core, key)
        insert(core, spread(core, TASKS - 1, core.tasks.store.now_ms()))
        cookie = session_cookie(core, text)
    bare = [sys.executable, "-m", "bench.bare", "--answer", str(answer)]
    ours_ms: list[float] = []
    bare_ms: list[float] = []
    with wanserve(data_dir, "--no-worker", query_rps=UNLIMITED) as ours:
        answer.write_bytes(ours.request("GET", "/", cookie, b""))
        with listening(bare, {}, folder, "/") as theirs, connected(ours) as our, connected(theirs) as their:
            for turn in range(WARM_ROUNDS + ROUNDS):
                if turn == WARM_ROUNDS:
                    before_s = ours.cpu_s()
                pair = _asked_ms(our, "GET", "/", cookie), _asked_ms(their, "POST", "/unread", {})
                if turn >= WARM_ROUNDS:
                    ours_ms.append(pair[0])
                    bare_ms.append(pair[1])
            cpu_ms = (ours.cpu_s() - before_s) * 1000 / ROUNDS
            card = f"/studio/task?id={known}&as=card"
            card_ms = [_asked_ms(our, "GET", card, cookie) for _ in range(ROUNDS)]
    return Result(
        "studio-page",
        {
            "median_ms": round(median(ours_ms), 1),
            "p95_ms": round(sorted(ours_ms)[ROUNDS * 95 // 100], 1),
            "cpu_ms": round(cpu_ms, 1),
            "bare_median_ms": round(median(bare_ms), 2),
            "times_a_bare_route": ratio(ours_ms, bare_ms),
            "card_median_ms": round(median(card_ms), 1),
            "html_kb": round(answer.stat().st_size / 1000, 1),
        },
        [Target("median_ms", "<", 60)],
    )


def browser(folder: Path) -> Result:
    """The first page in Chromium with an empty cache, without videos and with a full wall, against an answer of plain text."""
    data_dir = folder / "data"
    with opened(data_dir) as core:
        text, _ = owner(core, "bench")
        full, empty = session_cookie(core, text), session_cookie(core, owner(core, "new")[0])
    with wanserve(data_dir, query_rps=UNLIMITED, submit_rps=UNLIMITED) as server:
        for _ in range(WALL):
            make(server, text, SUBMIT_BODY)
        base = f"http://{HOST}:{server.port}"
        pages = {"bare": (f"{base}/healthz", {}), "empty": (base, empty), "full": (base, full)}
        loads = _loads(pages)
    return Result(
        "studio-browser",
        {
            "first_page_kb": loads["empty"][0].kb,
            "first_page_requests": loads["empty"][0].requests,
            "full_wall_kb": loads["full"][0].kb,
            "full_wall_requests": loads["full"][0].requests,
            "first_paint_ms": median(each.first_paint_ms for each in loads["empty"]),
            "full_wall_first_paint_ms": median(each.first_paint_ms for each in loads["full"]),
            "bare_first_paint_ms": median(each.first_paint_ms for each in loads["bare"]),
            "layout_shift": max(each.layout_shift for each in (*loads["empty"], *loads["full"])),
        },
        [
            Target("first_page_kb", "<", 100),
            Target("full_wall_kb", "<", 100),
            Target("first_paint_ms", "<", 300),
            Target("full_wall_first_paint_ms", "<", 300),
            Target("layout_shift", "<=", 0),
        ],
    )


def streams(folder: Path) -> Result:
    """The CPU of the server's own process, without its child: idle and with one task after another, with streams and without."""
    data_dir = folder / "data"
    with opened(data_dir) as core:
        text, _ = owner(core, "bench")
        cookie = session_cookie(core, text)
    body = SUBMIT_BODY.replace(b"640*480", b"1920*1080")
    with wanserve(data_dir, query_rps=UNLIMITED, submit_rps=UNLIMITED) as server:
        # What a video takes has to be known, as then the seconds left are told too.
        make(server, text, body)
        alone = _cores(server, text, body)
        with open_pages(server, cookie) as readers:
            time.sleep(QUIET_SECONDS)
            idle = _cores(server)
            before = readers.events
            busy = _cores(server, text, body)
            told = (readers.events - before) / STREAMS / MEASURED_SECONDS
    return Result(
        "studio-streams",
        {
            "cores_idle": idle,
            "cores_while_tasks_run": busy,
            "cores_while_tasks_run_without_pages": alone,
            "events_a_second_of_each_page": round(told, 2),
        },
        [Target("cores_idle", "<", 0.2), Target("cores_while_tasks_run", "<", 0.2)],
    )


def session_cookie(core: Core, key_text: str) -> dict[str, str]:
    """The header of a browser that is signed in by the key."""
    return {"Cookie": f"{SESSION_COOKIE}={core.sessions.begin(key_text)}"}


@contextmanager
def connected(server: Listening) -> Iterator[http.client.HTTPConnection]:
    """A connection that is kept open."""
    with closing(http.client.HTTPConnection(HOST, server.port, timeout=10)) as connection:
        connection.connect()
        yield connection


def _asked_ms(connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str]) -> float:
    start = time.perf_counter()
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, f"{method} {path} answered {answer.status}"
    return (time.perf_counter() - start) * 1000


def make(server: Listening, key_text: str, body: bytes) -> None:
    """Have a video made, and wait for it. Raises RuntimeError."""
    headers = {"Authorization": f"Bearer {key_text}", "Content-Type": "application/json"}
    asked = {"Ocp-Apim-Subscription-Key": key_text, "Content-Type": "application/json"}
    task_id = json.loads(server.request("POST", SUBMIT_PATH, asked, body))["output"]["task_id"]
    path = f"/v1/videos/video_{task_id.replace('-', '')}"
    deadline = time.monotonic() + TASK_SECONDS
    while (status := json.loads(server.request("GET", path, headers, b""))["status"]) in ("queued", "in_progress"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"no video within {TASK_SECONDS:g} s")
        # Seldom, as these polls are the server's work too.
        time.sleep(0.5)
    if status != "completed":
        raise RuntimeError(f"the video is {status}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A page that was loaded: HTML, style sheets and scripts in kB with the heads of their answers; how it was painted."""

    kb: float
    requests: int
    first_paint_ms: float
    layout_shift: float


PAINTED: Final = """() => new Promise((resolve) => {
  let shift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve([performance.getEntriesByName("first-contentful-paint")[0].startTime, shift]), 100);
})"""


def _loads(pages: Mapping[str, tuple[str, dict[str, str]]]) -> dict[str, list[Loaded]]:
    """Each page again and again in turns, with nothing in the browser's cache. The first turn only warms all up."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # only this bench needs a browser

    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("there is no chromium on this machine")
    loads: dict[str, list[Loaded]] = {name: [] for name in pages}
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        for turn in range(LOADS + 1):
            for name, (url, cookie) in pages.items():
                context = running.new_context(viewport={"width": 1440, "height": 900})
                for header in cookie.values():
                    token = header.removeprefix(f"{SESSION_COOKIE}=")
                    context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": url}])
                loaded = _load(context.new_page(), url)
                context.close()
                if turn:
                    loads[name].append(loaded)
        running.close()
    return loads


def _load(tab: Any, url: str) -> Loaded:
    ended: list[Any] = []
    tab.on("requestfinished", lambda request: ended.append(request))  # noqa: PLW0108  # it sets an attribute on it
    tab.goto(url)
    time.sleep(SETTLED_SECONDS)
    first_paint_ms, shift = tab.evaluate(PAINTED)
    of_page = [each for each in ended if each.resource_type in ("document", "stylesheet", "script")]
    sizes = [each.sizes() for each in of_page]
    received = sum(each["responseBodySize"] + each["responseHeadersSize"] for each in sizes)
    return Loaded(round(received / 1000, 1), len(of_page), round(first_paint_ms, 1), round(shift, 4))


@dataclass(slots=True)
class Readers:
    """Reads what streams of events send, and counts the events."""

    selector: selectors.BaseSelector
    stopped: threading.Event = field(default_factory=threading.Event)
    events: int = 0

    def run(self) -> None:
        """Read until `stopped`."""
        while not self.stopped.is_set():
            for ready, _ in self.selector.select(0.2):
                stream = ready.fileobj
                assert isinstance(stream, socket.socket)
                self.events += stream.recv(65536).count(b"\nevent: ")


@contextmanager
def open_pages(server: Listening, cookie: dict[str, str]) -> Iterator[Readers]:
    """As many streams of one account as pages that are open, read by one thread."""
    head = f"GET /studio/events HTTP/1.0\r\nHost: {HOST}\r\nCookie: {cookie['Cookie']}\r\n\r\n".encode()
    with ExitStack() as stack:
        readers = Readers(stack.enter_context(selectors.DefaultSelector()))
        for _ in range(STREAMS):
            stream = stack.enter_context(socket.create_connection((HOST, server.port), 30))
            stream.sendall(head)
            received = stream.recv(65536)
            if b" 200 " not in received.split(b"\r\n")[0]:
                raise RuntimeError(f"not a stream: {received[:300]!r}")
            readers.selector.register(stream, selectors.EVENT_READ)
        reading = threading.Thread(target=readers.run)
        reading.start()
        try:
            yield readers
        finally:
            readers.stopped.set()
            reading.join()


def _cores(server: Listening, key_text: str | None = None, body: bytes = b"") -> float:
    """The share of a core that the server takes, idle or while one task after another is made."""
    before, begun = server.cpu_s(), time.monotonic()
    while time.monotonic() - begun < MEASURED_SECONDS:
        if key_text is None:
            time.sleep(0.5)
        else:
            make(server, key_text, body)
    return round((server.cpu_s() - before) / (time.monotonic() - begun), 3)
