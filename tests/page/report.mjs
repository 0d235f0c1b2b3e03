// From a matrix in YAML to the page in a browser: two back ends, two resolutions.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { browse, facet, needData, root, scratch } from './tools.mjs';

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
  const published = path.join(dir, 'published');
  mkdirSync(published);
  writeFileSync(path.join(published, 'one.csv'), '# source: invented for this test\n# title: Frames a second of nobody\n# beside: frameworks\nframework,frames/s\nalpha,12.5\n');
  facet(['report', '--prices', path.join(root, 'bench/prices.yaml'), '--published', published, out]);
  assert.match(readFileSync(path.join(out, 'report.md'), 'utf8'), /\| mtcnn \| ref \| mobilefacenet-photo-analyze/);

  const { page, context, faults, shot } = await browse(t);
  const asked = [];
  page.on('request', (r) => asked.push(r.url()));
  await page.goto(pathToFileURL(path.join(out, 'report.html')).href);
  await page.waitForSelector('#frameworks table');
  assert.deepEqual(asked.filter((u) => !u.startsWith('file:')), []);
  const pairs = page.locator('#frameworks > .wide tbody tr');
  assert.equal(await pairs.count(), 2);
  assert.match(await page.textContent('#frameworks .published'), /nobody.*invented for this test.*Not comparable: other videos, other hardware/s);
  for (const [filter, value, runs] of [['framework', 'ref', 2], ['lines', '120', 2]]) {
    await page.selectOption(`#by-${filter}`, value);
    assert.match(await page.textContent('.report [role=status]'), new RegExp(`${runs} of 4 runs`));
    assert.equal(await pairs.count(), filter === 'framework' ? 1 : 2);
    await page.click('button:has-text("Show all")');
  }
  await page.hover('#speed .hit');
  assert.match(await page.textContent('.tip:not([hidden])'), /runs, median .* frames\/s/);
  await page.click('#frameworks > .wide th button:has-text("capture ms")');
  assert.equal(await page.getAttribute('#frameworks > .wide th[aria-sort]', 'aria-sort'), 'descending');
  assert.match(await page.textContent('#energy'), /watts.*Estimated by a power model/s);
  assert.match(await page.textContent('#cost'), /small board \(example\)/);
  assert.match(await page.textContent('#strategies'), /events: who, where, when, how sure/);
  await shot('report');
  await page.emulateMedia({ colorScheme: 'dark' });
  await shot('report-dark');
  const pdf = await page.pdf({ path: path.join(process.env.FACET_TEST_PICTURES, 'report.pdf'), format: 'A4' });
  assert.ok(pdf.length > 20000);
  await page.emulateMedia({ media: 'print' });
  assert.equal(await page.locator('.pick').isVisible(), false);
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)');
  await context.close();
  assert.deepEqual(faults, []);
});

test('runs of several machines stand side by side, also where columns are missing', async (t) => {
  const dir = scratch(t), page_file = path.join(dir, 'both.html');
  const head = 'id,video,lines,detector,detect_backend,recogniser,recognise_backend,mode,strategy,network,status,reason,fps,decode_ms,detect_ms,embed_ms\n';
  for (const [name, fps] of [['desk', 40], ['board', 9]]) {
    mkdirSync(path.join(dir, name));
    writeFileSync(path.join(dir, name, 'experiments.json'), '{"name": "both", "items": []}');
    writeFileSync(path.join(dir, name, 'environment.json'), '{"processor": "Test", "cores": 2}');
    writeFileSync(path.join(dir, name, 'summary.csv'), `${head}aa-1,a.mp4,480,mtcnn,cpu,net,cpu,every,edge,none,done,,${fps},1,2,3\nbb-1,a.mp4,480,mtcnn,cpu,net,cpu,every,edge,none,failed,it broke,,,,\n`);
  }
  facet(['report', '--out', page_file, path.join(dir, 'desk'), path.join(dir, 'board')]);
  const { page, faults } = await browse(t, { context: { viewport: { width: 390, height: 780 } } });
  await page.goto(pathToFileURL(page_file).href);
  await page.waitForSelector('#platforms tbody tr:nth-child(2)');
  assert.match(await page.textContent('#speed .legend'), /desk.*board/s);
  assert.match(await page.textContent('#energy'), /No energy was told/);
  assert.match(await page.textContent('#cost'), /No prices were given/);
  assert.match(await page.textContent('#memory'), /No memory was told/);
  assert.equal(await page.locator('#failures tbody tr').count(), 2);
  await page.selectOption('#by-platform', { index: 1 });
  assert.equal(await page.locator('#platforms tbody tr').count(), 1);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `the report is ${wide} pixels wider than the phone`);
  assert.deepEqual(faults, []);
});

test('what is no folder of experiments is refused with its name', (t) => {
  const dir = scratch(t);
  const done = facet(['report', dir], { code: 3 });
  assert.match(done.stderr, /experiments\.json/);
  writeFileSync(path.join(dir, 'bad.yaml'), 'videos: [nowhere.mp4]\n');
  assert.match(facet(['bench', 'run', path.join(dir, 'bad.yaml'), '--out', dir], { code: 3 }).stderr, /line 1: there is no video/);
});
