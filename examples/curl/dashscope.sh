#!/usr/bin/env bash
# Make one video by the vendor's own API: bash dashscope.sh [PROMPT] [SIZE] [OUT], with WANSERVE_KEY set. Needs curl 7.76 or newer.
set -euo pipefail

url=${WANSERVE_URL:-http://127.0.0.1:8000}/api/v1
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
  [[ -z $message ]] || echo "$message" >&2
  exit 1
}

ask() {
  curl -sS --fail-with-body --max-time 30 -H "Authorization: Bearer $key" "$@"
}

# In JSON a quote and a backslash carry a backslash.
prompt=${prompt//\\/\\\\}
prompt=${prompt//\"/\\\"}

answer=$(ask "$url/services/aigc/video-generation/video-synthesis" \
  -H "Content-Type: application/json" \
  -H "X-DashScope-Async: enable" \
  --data-raw '{
    "model": "wan2.2-t2v-plus",
    "input": { "prompt": "'"$prompt"'" },
    "parameters": { "size": "'"$size"'" }
  }') || fail "$answer"
task_id=$(field task_id "$answer")
echo "$task_id"

status=
SECONDS=0
while ((SECONDS < minutes * 60)); do
  answer=$(ask "$url/tasks/$task_id") || fail "$answer"
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
