"""A real browser's script on a page of another origin: what it may ask and read."""

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests import needs
from tests.e2e.server import SUBMIT, Server

SCRIPT = """<!doctype html><pre id="out">waiting</pre><script>
(async () => {
  const said = [], server = "%(url)s", key = "%(key)s";
  const tell = async (what, asked) => {
    try {
      const answer = await fetch(asked.url ?? server + asked.path, asked);
      const headers = ["x-request-id", "content-range", "etag", "content-disposition", "accept-ranges", "openai-poll-after-ms"];
      said.push([what, answer.status, ...headers.filter((name) => answer.headers.has(name))].join(" "));
      return await answer.text();
    } catch (error) { said.push(what + " " + error); return ""; }
  };
  const made = await tell("submit", { path: "%(submit)s", method: "POST",
    headers: { "Ocp-Apim-Subscription-Key": key, "Content-Type": "application/json", "Cache-Control": "no-cache" },
    body: JSON.stringify({ model: "wan2.2-t2v-plus", input: { prompt: "a page" }, parameters: { size: "640*480" } }) });
  const id = JSON.parse(made).output.task_id.replaceAll("-", "");
  await tell("poll", { path: "/v1/videos/video_" + id, headers: { Authorization: "Bearer " + key } });
  await tell("no-key", { path: "/v1/videos" });
  await tell("wrong-method", { path: "/v1/videos", method: "PUT" });
  await tell("nowhere", { path: "/nothing" });
  await tell("range", { url: "%(link)s", headers: { Range: "bytes=0-3" } });
  await tell("cached", { url: "%(link)s" });
  await tell("outside", { url: "%(link)s&not=cached", headers: { Range: "bytes=999999999-" } });
  await tell("form", { path: "/v1/videos", method: "POST", headers: { Authorization: "Bearer " + key }, body: new FormData() });
  document.getElementById("out").textContent = said.join("\\n") + "\\ndone";
})();
</script>"""


def test_a_page_of_another_origin_reads_answers_errors_files_and_their_headers(server: Server, tmp_path: Path) -> None:
    chromium = needs.program("chromium")
    link = str(server.wait(server.submit("a page"), "SUCCEEDED")["video_url"])
    # Whoever fills a cache first sends no Origin.
    assert server.http.get(link).status_code == 200
    page = (SCRIPT % {"url": server.url, "key": server.key, "submit": SUBMIT, "link": link}).encode()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *told: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        try:
            command = [
                chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
                f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000", "--dump-dom",
                f"http://localhost:{site.server_port}/",
            ]  # fmt: skip
            shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
        finally:
            site.shutdown()
            thread.join()
    said = dict(line.split(" ", 1) for line in shown[shown.index("submit ") : shown.index("\ndone")].splitlines())
    assert said == {
        "submit": "200 x-request-id",
        "poll": "200 x-request-id openai-poll-after-ms",
        "no-key": "401 x-request-id",
        "wrong-method": "405 x-request-id",
        "nowhere": "404 x-request-id",
        "range": "206 x-request-id content-range etag content-disposition accept-ranges",
        "cached": "200 x-request-id etag content-disposition accept-ranges",
        "outside": "416 x-request-id content-range",
        "form": "400 x-request-id",
    }
