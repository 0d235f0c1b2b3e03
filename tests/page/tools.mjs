// What the tests of pages share: a scratch folder, the program, a browser that tells of every fault.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRequire } from 'node:module';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const { chromium } = createRequire(path.join(root, 'web/package.json'))('playwright-core');

export const mirror = process.env.FACET_MIRROR ?? path.resolve(root, '../shared');
export function needData(name) {
  const file = path.join(mirror, 'data', name);
  assert.ok(existsSync(file), `${file} is missing: set FACET_MIRROR to the folder that holds data/ and models/`);
  return file;
}

export function scratch(t) {
  const dir = mkdtempSync(path.join(tmpdir(), 'facet-page-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export function facet(words, options = {}) {
  const done = spawnSync(process.env.FACET, words, { encoding: 'utf8', env: { ...process.env, FACET_MIRROR: mirror, ...options.env } });
  if (options.code !== 'any') assert.equal(done.status, options.code ?? 0, `facet ${words.join(' ')}: ${done.stdout}${done.stderr}`);
  return done;
}

/** A page in a browser; what the console says is a fault unless `allowed` matches it. */
export async function browse(t, options = {}) {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  t.after(() => browser.close());
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ignoreHTTPSErrors: true, ...options.context });
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (e) => faults.push(e.message));
  page.on('console', (m) => {
    if (m.type() === 'error' && !(options.allowed ?? /$^/).test(m.text())) faults.push(m.text());
  });
  return { page, context, faults, shot: (name) => page.screenshot({ path: path.join(process.env.FACET_TEST_PICTURES, `${name}.png`), fullPage: true }) };
}
