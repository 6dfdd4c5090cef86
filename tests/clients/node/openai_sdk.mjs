// openai: `made VIDEO_ID` where videos are made, `resent PROMPT` where answers get lost.
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { model, refusal, save, tell, unknown } from './saying.mjs';

const client = new OpenAI();
const { videos } = client;
const error = (call) => refusal(call, 'status', 'code', 'param', 'type', 'requestID');

async function all(pages) {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
}

async function done(id) {
  for (;;) {
    const video = await videos.retrieve(id);
    if (video.status !== 'queued' && video.status !== 'in_progress') return video;
    await sleep(500);
  }
}

async function made(videoId) {
  const video = await done(
    (await videos.create({ model, prompt: 'an 猫 by node', size: '832x480', seconds: '5' })).id,
  );
  const content = await videos.downloadContent(video.id);
  await save('video', content);
  for (const variant of ['thumbnail', 'spritesheet']) {
    await save(variant, await videos.downloadContent(video.id, { variant }));
  }
  const chosen = await videos.create({
    model: 'wanx2.1-t2v-turbo',
    prompt: 'chosen',
    profile: 'balanced',
    num_inference_steps: 8,
    guidance_scale: 2.5,
    loras: [{ name: 'sketch' }, { name: 'ink' }],
  });
  const remix = await videos.remix(video.id, { prompt: 'in the rain' });
  const stranger = new OpenAI({ apiKey: 'sk-wrong' });
  const reference = { image_url: 'data:image/png;base64,' };
  tell({
    video,
    kind: content.headers.get('content-type'),
    other: await videos.retrieve(videoId),
    remix,
    chosen,
    deleted: await videos.delete(remix.id),
    listed: (await all(videos.list({ limit: 2 }))).map((one) => one.id),
    models: (await all(client.models.list())).map((one) => one.id),
    unknown: await error(() => videos.retrieve(`video_${unknown}`)),
    size: await error(() => videos.create({ prompt: 'a cat', size: '1x1' })),
    picture: await error(() => videos.create({ prompt: 'a cat', input_reference: reference })),
    edit: await error(() => videos.edit({ prompt: 'a cat', video: { id: video.id } })),
    key: await error(() => stranger.videos.list()),
  });
}

async function resent(prompt) {
  tell({ video: await videos.create({ prompt }) });
}

await { made, resent }[process.argv[2]](process.argv[3]);
