"""Make one video with OpenAI's SDK: python openai_sdk.py [PROMPT] [SIZE] [OUT], with WANSERVE_KEY set."""

import os
import sys
import time
import warnings

from openai import APIConnectionError, APIStatusError, OpenAI

# OpenAI has ended its own service of videos; its SDK has kept the calls, and warns.
warnings.filterwarnings("ignore", category=DeprecationWarning)

URL = os.environ.get("WANSERVE_URL") or "http://127.0.0.1:8000"
KEY = os.environ.get("WANSERVE_KEY") or sys.exit("Set WANSERVE_KEY to your key.")
MINUTES = 10

given = sys.argv[1:]
prompt = given[0] if len(given) > 0 else "A kitten running in the moonlight"
size = given[1] if len(given) > 1 else "1920x1080"
out = given[2] if len(given) > 2 else "kitten.mp4"


def main() -> None:
    """Create, wait, download. `create_and_poll` would wait too, but for ever and without a word."""
    videos = OpenAI(base_url=f"{URL}/v1", api_key=KEY).videos
    video = videos.create(model="wan2.2-t2v-plus", prompt=prompt, size=size, seconds="5")
    print(video.id)

    status = None
    deadline = time.monotonic() + MINUTES * 60
    while time.monotonic() < deadline:
        if video.status != status:
            status = video.status
            print(status)
        if status == "completed":
            videos.download_content(video.id).write_to_file(out)
            print(out)
            return
        if status == "failed":
            sys.exit(video.error.message)
        time.sleep(1)
        video = videos.retrieve(video.id)
    sys.exit(f"No video after {MINUTES} minutes.")


try:
    main()
except APIStatusError as error:
    sys.exit(error.body["message"])
except APIConnectionError as error:
    sys.exit(f"No answer: {error}")
