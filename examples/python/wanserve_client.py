"""Make one video with wanserve's own client: python wanserve_client.py [PROMPT] [SIZE] [OUT], with WANSERVE_KEY set."""

import os
import sys

from wanserve.client import Video, Wan, WanError

KEY = os.environ.get("WANSERVE_KEY") or sys.exit("Set WANSERVE_KEY to your key.")
MINUTES = 10

given = sys.argv[1:]
prompt = given[0] if len(given) > 0 else "A kitten running in the moonlight"
size = given[1] if len(given) > 1 else "1920x1080"
out = given[2] if len(given) > 2 else "kitten.mp4"
states: list[str] = []


def show(video: Video) -> None:
    """Print each state once. There is more to show: `video.progress`, `video.stage`, `video.seconds_left`."""
    if not states:
        print(video.id)
    if video.state not in states:
        states.append(video.state)
        print(video.state)


try:
    with Wan(os.environ.get("WANSERVE_URL"), KEY) as wan:
        print(wan.generate(prompt, size=size, on_progress=show, timeout=MINUTES * 60).save(out))
except WanError as error:
    sys.exit(str(error))
