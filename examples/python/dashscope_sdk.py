"""Make one video with the vendor's SDK: python dashscope_sdk.py [PROMPT] [SIZE] [OUT], with WANSERVE_KEY set."""

import os
import sys
import urllib.request

import dashscope
from dashscope import VideoSynthesis

dashscope.base_http_api_url = (os.environ.get("WANSERVE_URL") or "http://127.0.0.1:8000") + "/api/v1"
dashscope.api_key = os.environ.get("WANSERVE_KEY") or sys.exit("Set WANSERVE_KEY to your key.")

given = sys.argv[1:]
prompt = given[0] if len(given) > 0 else "A kitten running in the moonlight"
size = given[1] if len(given) > 1 else "1920*1080"
out = given[2] if len(given) > 2 else "kitten.mp4"

task = VideoSynthesis.async_call(model="wan2.2-t2v-plus", prompt=prompt, size=size)
if task.status_code != 200:
    sys.exit(task.message)
print(task.output.task_id)

done = VideoSynthesis.wait(task, wait_timeout=600)
if done.status_code != 200:
    sys.exit(done.message)
print(done.output.task_status)
if done.output.task_status != "SUCCEEDED":
    sys.exit(done.output.message)
urllib.request.urlretrieve(done.output.video_url, out)
print(out)
