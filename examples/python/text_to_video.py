"""Make one video: python text_to_video.py [PROMPT] [SIZE] [OUT], with WANSERVE_KEY set."""

import os
import sys
import time
from pathlib import Path

import requests

URL = os.environ.get("WANSERVE_URL") or "http://127.0.0.1:8000"
KEY = os.environ.get("WANSERVE_KEY") or sys.exit("Set WANSERVE_KEY to your key.")
MINUTES = 10

given = sys.argv[1:]
prompt = given[0] if len(given) > 0 else "A kitten running in the moonlight"
size = given[1] if len(given) > 1 else "1920*1080"
out = given[2] if len(given) > 2 else "kitten.mp4"


def post(path: str, body: dict) -> dict:
    """Send the body and return the answer's `output`; leave with the server's message where it refuses."""
    headers = {"Ocp-Apim-Subscription-Key": KEY, "Cache-Control": "no-cache"}
    response = requests.post(URL + path, json=body, headers=headers, timeout=30)
    answer = response.json()
    if not response.ok:
        sys.exit(answer.get("message") or answer["error"])
    return answer["output"]


def main() -> None:
    """Submit, wait, download."""
    request = {
        "model": "wan2.2-t2v-plus",
        "input": {"prompt": prompt, "negative_prompt": "flowers, people, text"},
        "parameters": {"size": size},
    }
    task_id = post("/wan-video/v1/generateTextToVideoRequest", request)["task_id"]
    print(task_id)

    status = None
    deadline = time.monotonic() + MINUTES * 60
    while time.monotonic() < deadline:
        output = post("/wan-video-polling/getTextToVideoResult", {"task_id": task_id})
        if output["task_status"] != status:
            status = output["task_status"]
            print(status)
        if status == "SUCCEEDED":
            download(output["video_url"])
            return
        if status not in ("PENDING", "RUNNING"):
            sys.exit(output.get("message") or f"The task is {status}.")
        time.sleep(1)
    sys.exit(f"No video after {MINUTES} minutes.")


def download(url: str) -> None:
    """Write the video to `out` and print its path."""
    with requests.get(url, stream=True, timeout=30) as response:
        response.raise_for_status()
        with Path(out).open("wb") as file:
            file.writelines(response.iter_content(1 << 16))
    print(out)


try:
    main()
except requests.RequestException as error:
    sys.exit(f"No answer: {error}")
