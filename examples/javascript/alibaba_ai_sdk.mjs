// Make one video with the AI SDK: node alibaba_ai_sdk.mjs [PROMPT] [SIZE] [OUT], with WANSERVE_KEY set.
import { writeFile } from 'node:fs/promises';
import { createAlibaba } from '@ai-sdk/alibaba';
import { experimental_generateVideo as generateVideo } from 'ai';

const url = process.env.WANSERVE_URL || 'http://127.0.0.1:8000';
const key = process.env.WANSERVE_KEY;
const [
  prompt = 'A kitten running in the moonlight',
  size = '1920x1080',
  out = 'kitten.mp4',
] = process.argv.slice(2);

// The SDK's own download refuses the addresses of local machines.
async function download({ url }) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The download answered ${response.status}.`);
  return {
    data: new Uint8Array(await response.arrayBuffer()),
    mediaType: response.headers.get('content-type'),
  };
}

async function main() {
  if (!key) throw new Error('Set WANSERVE_KEY to your key.');
  const alibaba = createAlibaba({ videoBaseURL: url, apiKey: key });
  const { video, providerMetadata } = await generateVideo({
    model: alibaba.video('wan2.2-t2v-plus'),
    prompt,
    resolution: size,
    duration: 5,
    providerOptions: { alibaba: { pollIntervalMs: 1000, pollTimeoutMs: 600_000 } },
    download,
  });
  console.log(providerMetadata.alibaba.taskId);
  await writeFile(out, video.uint8Array);
  console.log(out);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
