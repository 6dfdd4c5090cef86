// Make one video: node text_to_video.mjs [PROMPT] [SIZE] [OUT], with WANSERVE_KEY set.
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const url = process.env.WANSERVE_URL || 'http://127.0.0.1:8000';
const key = process.env.WANSERVE_KEY;
const minutes = 10;
const [
  prompt = 'A kitten running in the moonlight',
  size = '1920*1080',
  out = 'kitten.mp4',
] = process.argv.slice(2);

// Sends the body and returns the answer's `output`; throws the server's message where it refuses.
async function post(path, body) {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-cache',
      'Ocp-Apim-Subscription-Key': key,
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message ?? answer.error);
  return answer.output;
}

async function finished(taskId) {
  let status;
  for (const deadline = Date.now() + minutes * 60_000; Date.now() < deadline; await sleep(1000)) {
    const output = await post('/wan-video-polling/getTextToVideoResult', { task_id: taskId });
    if (output.task_status !== status) console.log((status = output.task_status));
    if (status === 'SUCCEEDED') return output.video_url;
    if (status !== 'PENDING' && status !== 'RUNNING') {
      throw new Error(output.message ?? `The task is ${status}.`);
    }
  }
  throw new Error(`No video after ${minutes} minutes.`);
}

async function main() {
  if (!key) throw new Error('Set WANSERVE_KEY to your key.');
  const { task_id: taskId } = await post('/wan-video/v1/generateTextToVideoRequest', {
    model: 'wan2.2-t2v-plus',
    input: { prompt, negative_prompt: 'flowers, people, text' },
    parameters: { size },
  });
  console.log(taskId);

  const video = await fetch(await finished(taskId));
  if (!video.ok) throw new Error(`The download answered ${video.status}.`);
  await writeFile(out, video.body);
  console.log(out);
}

main().catch((error) => {
  // fetch says only "fetch failed" and keeps the reason as its cause.
  console.error(error.cause?.message ?? error.message);
  process.exitCode = 1;
});
