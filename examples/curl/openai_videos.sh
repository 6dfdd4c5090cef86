#!/usr/bin/env bash
# Make one video by OpenAI's API: bash openai_videos.sh [PROMPT] [SIZE] [OUT], with WANSERVE_KEY set. Needs curl 7.76 or newer.
set -euo pipefail

url=${WANSERVE_URL:-http://127.0.0.1:8000}/v1/videos
key=${WANSERVE_KEY:?Set WANSERVE_KEY to your key.}
prompt=${1:-A kitten running in the moonlight}
size=${2:-1920x1080}
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

answer=$(ask "$url" \
  --form-string "model=wan2.2-t2v-plus" \
  --form-string "prompt=$prompt" \
  --form-string "size=$size") || fail "$answer"
id=$(field id "$answer")
echo "$id"

status=
SECONDS=0
while ((SECONDS < minutes * 60)); do
  answer=$(ask "$url/$id") || fail "$answer"
  was=$status
  status=$(field status "$answer")
  [[ $status == "$was" ]] || echo "$status"
  case $status in
    queued | in_progress) sleep 1 ;;
    completed)
      ask -o "$out" "$url/$id/content" || exit 1
      echo "$out"
      exit
      ;;
    *) fail "$answer" ;;
  esac
done
echo "No video after $minutes minutes." >&2
exit 1
