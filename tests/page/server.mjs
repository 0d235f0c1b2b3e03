// A real `facet serve` on a free port, with everything of its own in a scratch folder.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { mirror, scratch } from './tools.mjs';

const READY_MS = 30000;

export async function serve(t, site, words = []) {
  const dir = scratch(t), file = path.join(dir, 'site.yaml');
  writeFileSync(file, site(dir));
  const env = { ...process.env, FACET_MIRROR: mirror, FACET_DATA: path.join(dir, 'data'), FACET_CONFIG: path.join(dir, 'config'), FACET_CACHE: path.join(dir, 'cache') };
  const child = spawn(process.env.FACET, ['serve', '--config', file, '--port', '0', ...words], { env });
  let told = '';
  const hear = (part) => { told += part; };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const ended = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    return child.exitCode;
  };
  t.after(async () => {
    if (child.exitCode === null) child.kill('SIGKILL');
    await ended;
  });
  const until = Date.now() + READY_MS;
  while (!/listening at (\S+)/.test(told)) {
    assert.ok(child.exitCode === null && Date.now() < until, `facet serve did not get ready: ${told}`);
    await new Promise((r) => setTimeout(r, 20));
  }
  const word = (name) => new RegExp(`${name}\\s+(\\S+)`).exec(told)?.[1] ?? assert.fail(`no ${name} in: ${told}`);
  return { dir, url: /listening at (\S+)/.exec(told)[1], user: word('user'), password: word('password'), key: word('API key'), stop, told: () => told };
}
