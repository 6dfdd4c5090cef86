#!/usr/bin/env bash
# Make one video: bash text_to_video.sh [PROMPT] [SIZE] [OUT], with WANSERVE_KEY set. Needs curl 7.76 or newer.
set -euo pipefail

url=${WANSERVE_URL:-http://127.0.0.1:8000}
key=${WANSERVE_KEY:?Set WANSERVE_KEY to your key.}
prompt=${1:-A kitten running in the moonlight}
size=${2:-1920*1080}
out=${3:-kitten.mp4}
minutes=10

# The text of one field of a JSON answer; nothing where it is not there.
field() {
  sed -nE 's/.*"'"$1"'" *: *"(([^"\\]|\\.)*)".*/\1/p' <<<"$2" | sed 's/\\"/"/g'
}

# Leave with the message of an answer that tells of a failure; where there was no answer, curl has told why.
fail() {
  local message
  message=$(field message "$1")
  message=${message:-$(field error "$1")}
  [[ -z $message ]] || echo "$message" >&2
  exit 1
}

# Send a body and print the answer; the exit status tells whether the server refused it.
post() {
  curl -sS --fail-with-body --max-time 30 -X POST "$url$1" \
    -H "Content-Type: application/json" \
    -H "Cache-Control: no-cache" \
    -H "Ocp-Apim-Subscription-Key: $key" \
    --data-raw "$2"
}

# In JSON a quote and a backslash carry a backslash.
prompt=${prompt//\\/\\\\}
prompt=${prompt//\"/\\\"}

answer=$(post /wan-video/v1/generateTextToVideoRequest '{
  "model": "wan2.2-t2v-plus",
  "input": { "prompt": "'"$prompt"'", "negative_prompt": "flowers, people, text" },
  "parameters": { "size": "'"$size"'" }
}') || fail "$answer"
task_id=$(field task_id "$answer")
echo "$task_id"

status=
SECONDS=0
while ((SECONDS < minutes * 60)); do
  answer=$(post /wan-video-polling/getTextToVideoResult '{ "task_id": "'"$task_id"'" }') || fail "$answer"
  was=$status
  status=$(field task_status "$answer")
  [[ $status == "$was" ]] || echo "$status"
  case $status in
    PENDING | RUNNING) sleep 1 ;;
    SUCCEEDED)
      curl -sS --fail -o "$out" "$(field video_url "$answer")" || exit 1
      echo "$out"
      exit
      ;;
    FAILED) fail "$answer" ;;
    *) fail '{"message": "The task is '"$status"'."}' ;;
  esac
done
echo "No video after $minutes minutes." >&2
exit 1
