// What the scripts share.
import { writeFile } from 'node:fs/promises';

export const model = 'wan2.2-t2v-plus';
export const unknown = '00000000000040008000000000000000';

// Writes what was seen, once, at the end.
export function tell(seen) {
  console.log(JSON.stringify(seen));
}

// The class of what a call rejects with, its text, and these attributes.
export async function refusal(call, ...attributes) {
  try {
    await call();
  } catch (error) {
    const about = Object.fromEntries(attributes.map((name) => [name, error[name] ?? null]));
    return { ...about, class: error.constructor.name, text: error.message };
  }
  return { class: null };
}

export async function save(name, response) {
  await writeFile(name, Buffer.from(await response.arrayBuffer()));
}
