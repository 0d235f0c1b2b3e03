// The page in a browser, against a real server with a camera: each view, as a person uses it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { serve } from './server.mjs';
import { browse, facet, needData, scratch } from './tools.mjs';

const clip = needData('video/short_hamilton_clip.mp4');
const lin = needData('gallery-hamilton/lin-manuel-miranda/1.png');
const alex = needData('gallery-hamilton/alex-lacamoire/1.png');
const alex2 = needData('gallery-hamilton/alex-lacamoire/2.jpg');
const nobody = needData('group/no-faces.jpg');
const slow = { timeout: 20000 };

const site = (cameras) => (dir) => `site: test\nstrategy: edge\nmodels:\n  recogniser: facenet-20180402\n`
  + `store:\n  events: ${path.join(dir, 'events.db')}\n  snapshots: true\n${cameras}`;
const camera = `cameras:\n  - name: stage\n    url: ${clip}\n    native_rate: true\n    loop: true\n    fps: 8\n    min_face: 40\n`;

async function open(t, cameras = '', options = {}) {
  facet(['models', 'pull', 'mtcnn', 'facenet-20180402']);
  const server = await serve(t, site(cameras));
  const b = await browse(t, { allowed: /401|404|409|422|ERR_|502/, ...options });
  await b.page.goto(server.url);
  return { server, ...b };
}

async function signIn(page, server) {
  await page.fill('input[name=user]', server.user);
  await page.fill('input[name=password]', server.password);
  await page.click('button.main');
  await page.waitForSelector('nav a[aria-current=page]');
}

async function go(page, name) {
  await page.click(`nav a:has-text("${name}")`);
  await page.waitForSelector(`h1:has-text("${name}")`);
}

/** Returns why not, or ''. */
async function enrol(page, name, files) {
  await go(page, 'People');
  await page.fill('form input[name=name]', name);
  await page.setInputFiles('input[type=file]', files);
  await page.click('button:has-text("Add person")');
  await page.waitForSelector('.told li, .panel .fault', slow);
  const fault = page.locator('.panel > div > .fault');
  return await fault.count() ? fault.textContent() : '';
}

test('nobody sees anything without signing in, and a session can be ended', async (t) => {
  const { server, page, faults, shot } = await open(t);
  await page.waitForSelector('form.login');
  assert.equal(await page.locator('nav a').count() === 0 || !(await page.locator('nav').isVisible()), true);
  await shot('login');
  await page.fill('input[name=user]', server.user);
  await page.fill('input[name=password]', 'wrong');
  await page.click('button.main');
  await page.waitForSelector('[role=alert]:has-text("Not signed in")');
  await signIn(page, server);
  await page.reload();
  await page.waitForSelector('h1:has-text("Live")');
  await page.click('button:has-text("Sign out")');
  await page.waitForSelector('form.login');
  const answer = await page.request.get(`${server.url}v1/people`);
  assert.equal(answer.status(), 401);
  const head = await page.request.get(server.url);
  assert.match(head.headers()['content-security-policy'] ?? '', /default-src 'none'|default-src 'self'/);
  assert.deepEqual(faults, []);
});

test('people are added, refused, renamed, merged and erased', async (t) => {
  const { server, page, faults, shot } = await open(t);
  await signIn(page, server);
  await go(page, 'People');
  await page.waitForSelector('.empty:has-text("Nobody is known yet")');
  assert.equal(await enrol(page, 'Lin <b>Manuel</b>', [lin, nobody]), '');
  await page.waitForSelector('.told .good');
  await page.waitForSelector('.told .fault:has-text("not taken")');
  assert.equal(await page.locator('main b').count(), 0);
  assert.equal(await enrol(page, 'Alex', [alex]), '');
  assert.match(await enrol(page, 'Alexander', [alex2]), /Alex/); // the same face under another name
  await page.waitForSelector('tbody tr:nth-child(2)', slow);
  await shot('people');
  await page.click('tbody a:has-text("Lin")');
  await page.waitForSelector('h1:has-text("Lin <b>Manuel</b>")');
  await page.waitForSelector('caption:has-text("Templates")');
  const rename = page.locator('form:has(h2:has-text("Rename"))');
  await rename.locator('input').fill('Lin');
  await rename.locator('button').click();
  await page.waitForSelector('h1:text-is("Lin")', slow);
  await shot('person');
  await page.click('button.danger:has-text("Erase")');
  await page.click('dialog button:has-text("Cancel")');
  await page.click('button.danger:has-text("Erase")');
  await page.click('dialog button:has-text("Erase")');
  await page.waitForSelector('h1:text-is("People")', slow);
  await page.waitForSelector('tbody tr', slow);
  assert.equal(await page.locator('tbody a:text-is("Lin")').count(), 0);
  assert.deepEqual(faults, []);
});

/** A real RTSP camera, tests/live/rtsp_server. */
async function rtsp(t) {
  const port = 20000 + Math.floor(Math.random() * 9000);
  const child = spawn(path.join(process.env.FACET, '../../../tests/live/rtsp_server'), ['--port', String(port), '--clip', clip, '--user', 'viewer', '--password', 'secret-word']);
  t.after(() => child.kill('SIGKILL'));
  let told = '';
  child.stdout.on('data', (part) => { told += part; });
  const until = Date.now() + 10000;
  while (!told.includes('ready')) {
    assert.ok(child.exitCode === null && Date.now() < until, `the RTSP server did not get ready: ${told}`);
    await new Promise((r) => setTimeout(r, 20));
  }
  return `rtsp://127.0.0.1:${port}/cam0`;
}

test('a camera is added, watched, switched off and removed', async (t) => {
  const { server, page, faults, shot } = await open(t);
  const address = await rtsp(t);
  await signIn(page, server);
  await page.waitForSelector('.empty:has-text("No camera yet")');
  await go(page, 'Cameras');
  const add = async (url, user = 'viewer', password = 'secret-word') => {
    await page.fill('input[name=name]', 'stage');
    await page.fill('input[name=url]', url);
    await page.fill('input[name=username]', user);
    await page.fill('input[name=password]', password);
    await page.click('button:text-is("Add")');
  };
  await add(clip, '', ''); // files of the server are nobody's business
  await page.waitForSelector('#said .fault:has-text("must begin with rtsp")', slow);
  await add(address);
  await page.waitForSelector('tbody tr .badge.live', slow);
  await add(address);
  await page.waitForSelector('#said .fault:has-text("stage")', slow);
  await shot('cameras');
  assert.doesNotMatch(await page.content(), /secret-word/);
  assert.doesNotMatch(server.told(), /secret-word/);
  await page.click('button:has-text("Switch off")');
  await page.waitForSelector('.badge.disabled', slow);
  await page.click('tbody button.danger');
  await page.click('dialog button:has-text("Remove")');
  await page.waitForSelector('.empty:has-text("No camera yet")', slow);
  assert.deepEqual(faults, []);
});

test('what a camera sees is shown live, told as events, and measured', async (t) => {
  const { server, page, faults, shot } = await open(t, camera);
  await signIn(page, server);
  assert.equal(await enrol(page, 'Lin', [lin]), '');
  await go(page, 'Live');
  await page.waitForSelector('.tile .badge.live', slow);
  await page.waitForFunction(() => [...document.querySelectorAll('.tile img')].some((i) => i.naturalWidth > 0), null, slow);
  await shot('live');
  await page.click('.tile');
  await page.waitForFunction(() => (document.querySelector('.big img')?.naturalWidth ?? 0) > 0, null, slow);
  await page.waitForFunction(() => /face|unknown|Lin/.test(document.querySelector('aside [role=status]')?.textContent ?? '') && !/No face/.test(document.querySelector('aside [role=status]')?.textContent ?? ''), null, slow);
  await shot('camera');
  await page.click('.areas summary');
  await page.click('button:text-is("Add a mask")');
  for (const [x, y] of [[10, 10], [120, 10], [120, 80]]) await page.click('.picture svg.editing', { position: { x, y } });
  await page.click('.areas button:text-is("Add a zone")');
  await page.fill('.areas li:nth-child(1) input[placeholder^="x,y"]', '0,0 1,0 1,1 0,1');
  await page.click('.areas button:text-is("Save")');
  await page.waitForSelector('#said:has-text("from the next picture on, until the restart")', slow);
  assert.equal(await page.locator('.picture svg .masks').count(), 1);
  assert.equal(await page.locator('.picture svg .zones').count(), 1);
  await shot('areas');
  await go(page, 'Events');
  await page.waitForSelector('.event', slow);
  await page.waitForSelector('.event.known:has-text("Lin")', slow);
  await shot('events');
  await page.fill('input[name=name]', 'Nobody of this name');
  await page.click('button:has-text("Search")');
  await page.waitForSelector('.empty', slow);
  await page.fill('input[name=name]', 'Lin');
  await page.click('button:has-text("Search")');
  await page.waitForSelector('.event.known', slow);
  await page.click('.event:has(img) button:text-is("Not Lin?")');
  await page.waitForSelector('dialog h2:text-is("This is not Lin")');
  await page.fill('dialog input[name=name]', 'Lin');
  await page.click('dialog button.main');
  await page.waitForSelector('dialog [role=alert]:has-text("Somebody else than Lin, or nobody")');
  await page.fill('dialog input[name=name]', 'His twin');
  await shot('not-this-person');
  await page.click('dialog button.main');
  await page.waitForSelector('#said:has-text("His twin was added")', slow);
  await page.waitForSelector('#said:has-text("Lin was taken from")', slow);
  await go(page, 'Performance');
  await page.waitForSelector('caption:has-text("Milliseconds a frame")', slow);
  await page.waitForFunction(() => Number(document.querySelector('.facts dd')?.textContent?.replace(/\D/g, '')) > 0, null, slow);
  assert.equal(await page.locator('.charts canvas').count(), 8);
  await page.waitForTimeout(4500); // two points make a line
  await shot('performance');
  await go(page, 'Strategies');
  await page.waitForSelector('.panel.active:has-text("edge")', slow);
  await shot('strategies');
  assert.deepEqual(faults, []);
});

/** A folder as `facet bench run --out` makes it; the figures are invented. */
function putRun(dir, name, fps) {
  const to = path.join(dir, name);
  mkdirSync(to, { recursive: true });
  writeFileSync(path.join(to, 'experiments.json'), '{"name": "invented", "items": []}');
  writeFileSync(path.join(to, 'environment.json'), '{"processor": "Test", "cores": 2}');
  writeFileSync(path.join(to, 'summary.csv'), 'id,video,lines,detector,detect_backend,recogniser,recognise_backend,mode,strategy,network,status,reason,frames,fps,decode_ms,detect_ms,embed_ms,peak_rss_mb,faces_a_frame\n'
    + [240, 480, 720].map((l, i) => `${i}-1,a.mp4,${l},mtcnn,cpu,net,cpu,every,edge,none,done,,100,${fps / (i + 1)},1,${2 * i + 2},3,${200 + l},2`).join('\n') + '\n');
}

test('experiments that the server finds are drawn as the report draws them', async (t) => {
  const runs = scratch(t);
  const { server, page, faults, shot } = await open(t, `serve:\n  experiments: ${runs}\n`);
  await signIn(page, server);
  await go(page, 'Experiments');
  await page.waitForSelector('.empty:has-text("No run in the server")', slow);
  putRun(runs, 'desk', 60);
  putRun(runs, 'board', 20);
  await go(page, 'Live');
  await go(page, 'Experiments');
  await page.waitForSelector('#platforms table', slow);
  await page.check('input[data-run=desk]');
  await page.check('input[data-run=board]');
  await page.click('button:text-is("Show")');
  await page.waitForSelector('#speed .legend:has-text("board")', slow);
  assert.match(await page.textContent('#speed .legend'), /desk/);
  assert.match(await page.textContent('.report [role=status]'), /6 of 6 runs/);
  await page.selectOption('#by-lines', '480');
  assert.match(await page.textContent('.report [role=status]'), /2 of 6 runs, resolution \(lines\) 480/);
  await page.hover('#speed .hit');
  await page.waitForSelector('.tip:not([hidden]):has-text("median")');
  assert.equal(await page.evaluate(() => document.styleSheets.length >= 2 && getComputedStyle(document.querySelector('.chart .c0')).fill !== 'rgb(0, 0, 0)'), true);
  await shot('experiments');
  writeFileSync(path.join(runs, 'desk', 'summary.csv'), 'id,fps\nonly one cell\n');
  await page.reload();
  await page.waitForSelector('.failed:has-text("summary.csv")', slow);
  assert.deepEqual(faults, []);
});

test('keyboard and phone do without a mouse', async (t) => {
  const { server, page, faults, shot } = await open(t, '', { context: { viewport: { width: 390, height: 780 }, hasTouch: true, colorScheme: 'dark' } });
  await page.waitForSelector('form.login');
  await page.keyboard.type(server.user);
  await page.keyboard.press('Tab');
  await page.keyboard.type(server.password);
  await page.keyboard.press('Enter');
  await page.waitForSelector('h1:has-text("Live")');
  await page.reload();
  await page.waitForSelector('h1:has-text("Live")');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'To the content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'main');
  for (const name of ['Events', 'People', 'Cameras', 'Performance', 'Strategies', 'Experiments', 'Live']) {
    await go(page, name);
    await page.waitForFunction(() => !document.querySelector('[aria-busy=true], .loading'), null, slow);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `${name} is ${wide} pixels wider than the phone`);
    await shot(`phone-${name.toLowerCase()}`);
  }
  assert.deepEqual(faults, []);
});

test('a server that goes away is told, and found again', async (t) => {
  const { server, page, shot } = await open(t);
  await signIn(page, server);
  await go(page, 'People');
  await page.waitForSelector('.empty');
  assert.equal(await server.stop(), 0);
  await go(page, 'Cameras');
  await page.waitForSelector('.failed:has-text("cannot be reached")', slow);
  await shot('failed');
});
