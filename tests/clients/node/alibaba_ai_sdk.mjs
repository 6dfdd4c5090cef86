// @ai-sdk/alibaba, by `ai`: `made`, or `resent PROMPT` where answers get lost.
import { writeFile } from 'node:fs/promises';
import { createAlibaba } from '@ai-sdk/alibaba';
import { experimental_generateVideo as generateVideo } from 'ai';
import { model, refusal, tell } from './saying.mjs';

const videoBaseURL = process.env.WANSERVE_URL;
const alibaba = createAlibaba({ videoBaseURL });
const stranger = createAlibaba({ videoBaseURL, apiKey: 'sk-wrong' });
const error = (call) => refusal(call, 'statusCode', 'isRetryable');

// It fetches from public addresses only, unless a program fetches by itself.
async function download({ url }) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return {
    data: new Uint8Array(await response.arrayBuffer()),
    mediaType: response.headers.get('content-type'),
  };
}

const asked = { prompt: 'an 猫 by the AI SDK', resolution: '832x480', duration: 5, seed: 3, maxRetries: 0, download };
const options = { pollIntervalMs: 500, promptExtend: false, watermark: false, negativePrompt: 'text' };

async function made() {
  const { video, warnings, providerMetadata } = await generateVideo({
    ...asked,
    model: alibaba.video(model),
    providerOptions: { alibaba: options },
  });
  await writeFile('video', video.uint8Array);
  tell({
    kind: video.mediaType,
    warnings,
    metadata: providerMetadata.alibaba,
    size: await error(() => generateVideo({ ...asked, model: alibaba.video(model), resolution: '10x10' })),
    model: await error(() => generateVideo({ ...asked, model: alibaba.video('wan9') })),
    key: await error(() => generateVideo({ ...asked, model: stranger.video(model) })),
  });
}

async function resent(prompt) {
  const { providerMetadata } = await generateVideo({
    ...asked,
    prompt,
    maxRetries: 1,
    model: alibaba.video(model),
    providerOptions: { alibaba: options },
  });
  tell({ metadata: providerMetadata.alibaba });
}

await { made, resent }[process.argv[2]](process.argv[3]);
