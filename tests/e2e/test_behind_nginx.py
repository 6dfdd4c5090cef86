"""Behind a real nginx: under a path of its own, with TLS, and by HTTP/1.0, which is how nginx speaks if it is not told otherwise."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests import needs
from tests.e2e.server import POLL, SUBMIT, Server, running

MODEL = "wan2.2-t2v-plus"
CONFIGURATION = """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{
    access_log off; client_body_buffer_size 1m; proxy_max_temp_file_size 0;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{plain};
        location /some/wan/ {{ proxy_pass {url}/; proxy_set_header Host $http_host; }}
        location / {{ proxy_pass {url}; }}
    }}
    server {{
        listen 127.0.0.1:{tls} ssl;
        ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
        location /wan/ {{
            proxy_pass {url}/; proxy_http_version 1.1; proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header Connection "";
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Proxy:
    """Where nginx listens, and the server behind it."""

    server: Server
    plain: str
    tls: str
    http: httpx.Client


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A server with a public URL, and one nginx before it."""
    with nginx_before(tmp_path_factory.mktemp("nginx")) as made:
        yield made


@contextmanager
def nginx_before(folder: Path, *, public_url: bool = True) -> Iterator[Proxy]:
    """A server, with or without a public URL, and one nginx before it."""
    nginx, openssl = needs.program("nginx"), needs.program("openssl")
    plain, tls = free_port(), free_port()
    certificate = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    keys = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([openssl, *certificate, *names, *keys], check=True, capture_output=True)
    with running(folder / "data", public_url=f"https://127.0.0.1:{tls}/wan" if public_url else "") as server:
        file = folder / "nginx.conf"
        file.write_text(CONFIGURATION.format(folder=folder, plain=plain, tls=tls, url=server.url))
        process = subprocess.Popen([nginx, "-c", str(file), "-p", str(folder)], stderr=subprocess.DEVNULL)
        try:
            trusted = ssl.create_default_context(cafile=folder / "cert.pem")
            with httpx.Client(verify=trusted, trust_env=False, timeout=30) as http:
                until_it_listens(process, plain)
                yield Proxy(server, f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{tls}", http)
        finally:
            process.terminate()
            process.wait(30)


def until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    while True:
        assert process.poll() is None, "nginx has ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return


def submitted(proxy: Proxy, base: str) -> str:
    headers = {"Ocp-Apim-Subscription-Key": proxy.server.key}
    body = {"model": MODEL, "input": {"prompt": "behind a proxy"}, "parameters": {"size": "640*480"}}
    answer = proxy.http.post(f"{base}{SUBMIT}", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["output"]["task_id"])


def test_a_video_is_made_and_fetched_through_tls_under_a_path(proxy: Proxy) -> None:
    base = f"{proxy.tls}/wan"
    task_id = submitted(proxy, base)
    proxy.server.wait(task_id, "SUCCEEDED")
    headers = {"Ocp-Apim-Subscription-Key": proxy.server.key}
    link = proxy.http.post(f"{base}{POLL}", json={"task_id": task_id}, headers=headers).json()["output"]["video_url"]
    assert link.startswith(f"{base}/files/videos/")
    video = proxy.http.get(link)
    assert video.content[4:8] == b"ftyp"
    part = proxy.http.get(link, headers={"Range": "bytes=4-7", "If-Range": video.headers["etag"]})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert proxy.http.get(link, headers={"If-None-Match": f"W/{video.headers['etag']}"}).status_code == 304


@pytest.mark.parametrize("base", ["", "/some/wan"])
def test_http_1_0_is_spoken_as_well(proxy: Proxy, base: str) -> None:
    task_id = submitted(proxy, f"{proxy.plain}{base}")
    seen = proxy.http.get(
        f"{proxy.plain}{base}/api/v1/tasks/{task_id}", headers={"Authorization": f"Bearer {proxy.server.key}"}
    )
    assert seen.json()["output"]["task_id"] == task_id
    refused = proxy.http.post(f"{proxy.plain}{base}{SUBMIT}", content=b"x" * 100_000)
    assert refused.status_code == 401


@pytest.mark.parametrize("where", ["plain", "tls"])
def test_the_documents_work_wherever_they_are_mounted(proxy: Proxy, where: str) -> None:
    base = f"{proxy.plain}/some/wan" if where == "plain" else f"{proxy.tls}/wan"
    home = proxy.http.get(f"{base}/")
    assert home.status_code == 303
    # As a browser resolves it.
    sign_in = home.url.join(home.headers["location"])
    assert str(sign_in) == f"{base}/sign-in"
    assert 'href="docs"' in proxy.http.get(sign_in).text
    page = sign_in.join("docs")
    text = proxy.http.get(page).text
    for link in ("docs/static/swagger-ui.css", "docs/static/swagger-ui-bundle.js", "openapi.json"):
        assert f'"{link}"' in text
        assert proxy.http.get(page.join(link)).status_code == 200
    document = proxy.http.get(page.join("openapi.json"))
    (served,) = document.json()["servers"]
    assert str(document.url.join(served["url"])) == f"{base}/"


def test_the_page_is_drawn_under_a_path(proxy: Proxy, tmp_path: Path) -> None:
    command = [
        needs.program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
        f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=10000", "--dump-dom", f"{proxy.plain}/some/wan/docs",
    ]  # fmt: skip
    page = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "Generate text to video request" in page


def test_a_proxy_with_tls_is_told_of_once_where_no_public_url_is_set(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--no-worker") as server:
        for _ in range(3):
            assert server.http.get(server.url + "/healthz", headers={"X-Forwarded-Proto": "https"}).status_code == 200
        log = server.log.read_text()
    assert sum("WANSERVE_PUBLIC_URL" in line for line in log.splitlines()) == 1
