// Make one video with OpenAI's SDK: node openai_sdk.mjs [PROMPT] [SIZE] [OUT], with WANSERVE_KEY set.
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';

const url = process.env.WANSERVE_URL || 'http://127.0.0.1:8000';
const key = process.env.WANSERVE_KEY;
const minutes = 10;
const [
  prompt = 'A kitten running in the moonlight',
  size = '1920x1080',
  out = 'kitten.mp4',
] = process.argv.slice(2);

async function main() {
  if (!key) throw new Error('Set WANSERVE_KEY to your key.');
  const { videos } = new OpenAI({ baseURL: `${url}/v1`, apiKey: key });
  let video = await videos.create({ model: 'wan2.2-t2v-plus', prompt, size, seconds: '5' });
  console.log(video.id);

  let status;
  for (const deadline = Date.now() + minutes * 60_000; Date.now() < deadline; await sleep(1000)) {
    video = await videos.retrieve(video.id);
    if (video.status !== status) console.log((status = video.status));
    if (status === 'failed') throw new Error(video.error.message);
    if (status === 'completed') {
      await writeFile(out, (await videos.downloadContent(video.id)).body);
      console.log(out);
      return;
    }
  }
  throw new Error(`No video after ${minutes} minutes.`);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
