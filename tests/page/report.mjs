// From a matrix in YAML to the page in a browser: two back ends, two resolutions.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { browse, facet, needData, scratch } from './tools.mjs';

function experiments(dir) {
  const file = path.join(dir, 'tiny.yaml');
  facet(['models', 'pull', 'mtcnn', 'mobilefacenet-photo-analyze']);
  writeFileSync(file, `name: tiny\nvideos: ['${needData('video/short_hamilton_clip.mp4')}']\nheights: [120, 180]\nmax_frames: 4\nmin_face: 20\n`
    + 'detectors: [mtcnn, mtcnn@ref]\nrecognisers: [mobilefacenet-photo-analyze]\nmodes: [every]\nidle_watts: 3\ncore_watts: 2\n');
  return file;
}

test('experiments become a page that filters, tells values and asks nobody', async (t) => {
  const dir = scratch(t), out = path.join(dir, 'results');
  const env = { FACET_CACHE: path.join(dir, 'cache') };
  facet(['bench', 'run', experiments(dir), '--out', out, '--quiet'], { env });
  facet(['bench', 'check', out]);
  const again = facet(['bench', 'run', experiments(dir), '--out', out, '--json', '--quiet'], { env });
  assert.match(again.stdout, /"before": 4/);
  const prices = path.join(dir, 'prices.yaml');
  writeFileSync(prices, '- name: rented\n  euro_a_month: 20\n  note: 2 cores\n');
  facet(['report', '--prices', prices, out]);
  assert.match(readFileSync(path.join(out, 'report.md'), 'utf8'), /\| mtcnn \| ref \| mobilefacenet-photo-analyze/);

  const { page, context, faults, shot } = await browse(t);
  const asked = [];
  page.on('request', (r) => asked.push(r.url()));
  await page.goto(pathToFileURL(path.join(out, 'report.html')).href);
  await page.waitForSelector('#frameworks table');
  assert.deepEqual(asked.filter((u) => !u.startsWith('file:')), []);
  assert.equal(await page.locator('#frameworks tbody tr').count(), 2);
  await page.selectOption('#by-framework', 'ref');
  assert.equal(await page.locator('#frameworks tbody tr').count(), 1);
  assert.match(await page.textContent('header [role=status]'), /2 of 4 runs/);
  assert.match(await page.locator('#speed polygon title').first().textContent(), /runs, median/);
  assert.match(await page.textContent('#energy'), /Estimated by a power model/);
  assert.match(await page.textContent('#cost'), /rented/);
  await page.selectOption('#by-framework', '');
  await shot('report');
  await page.emulateMedia({ colorScheme: 'dark' });
  await shot('report-dark');
  await page.emulateMedia({ media: 'print' });
  assert.equal(await page.locator('.filters').isVisible(), false);
  await context.close();
  assert.deepEqual(faults, []);
});

test('what is no folder of experiments is refused with its name', (t) => {
  const dir = scratch(t);
  const done = facet(['report', dir], { code: 3 });
  assert.match(done.stderr, /experiments\.json/);
  writeFileSync(path.join(dir, 'bad.yaml'), 'videos: [nowhere.mp4]\n');
  assert.match(facet(['bench', 'run', path.join(dir, 'bad.yaml'), '--out', dir], { code: 3 }).stderr, /line 1: there is no video/);
});
