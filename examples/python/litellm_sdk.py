"""Make one video with litellm: python litellm_sdk.py [PROMPT] [SIZE] [OUT], with WANSERVE_KEY set."""

import os
import sys
import time
from pathlib import Path

# Else litellm asks the net for the prices of models when it is imported.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
import litellm
import openai

URL = os.environ.get("WANSERVE_URL") or "http://127.0.0.1:8000"
KEY = os.environ.get("WANSERVE_KEY") or sys.exit("Set WANSERVE_KEY to your key.")
SERVER = {"api_base": f"{URL}/v1", "api_key": KEY}
MINUTES = 10

given = sys.argv[1:]
prompt = given[0] if len(given) > 0 else "A kitten running in the moonlight"
size = given[1] if len(given) > 1 else "1920x1080"
out = given[2] if len(given) > 2 else "kitten.mp4"

litellm.suppress_debug_info = True


def main() -> None:
    """Generate, wait, download. The id is litellm's own: it says which provider to ask."""
    video = litellm.video_generation(
        model="hosted_vllm/wan2.2-t2v-plus", prompt=prompt, size=size, seconds="5", **SERVER
    )
    print(video.id)

    status = None
    deadline = time.monotonic() + MINUTES * 60
    while time.monotonic() < deadline:
        if video.status != status:
            status = video.status
            print(status)
        if status == "completed":
            Path(out).write_bytes(litellm.video_content(video.id, **SERVER))
            print(out)
            return
        if status == "failed":
            sys.exit(video.error["message"])
        time.sleep(1)
        video = litellm.video_status(video.id, **SERVER)
    sys.exit(f"No video after {MINUTES} minutes.")


try:
    main()
except openai.APIError as error:  # of which all of litellm's are
    sys.exit(error.message)
