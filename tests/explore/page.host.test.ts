/** The page of `shale explore` in a real browser, through what people do with it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Exploration } from '../../src/explore/index.ts';
import { sampleExploration } from '../../src/explore/sample.fixture.ts';
import { servePage, standalonePage } from '../../src/web/index.ts';
import { HOSTILE_NAME, pageComparison, pageExploration } from '../../src/web/page.fixture.ts';
import { Browser, findBrowser, type Page } from '../support/browser.ts';

const program = findBrowser();
const skip =
  process.env['SHALE_TEST_LONG'] !== '1'
    ? 'half a minute in a browser: only with --long'
    : program === undefined
      ? 'no chromium in PATH, and SHALE_TEST_CHROMIUM is not set'
      : false;

const TABS = ['overview', 'files', 'map', 'waste', 'build', 'packages', 'compare'] as const;

/** Text of the first element of a selector. */
function text(selector: string): string {
  return `document.querySelector(${JSON.stringify(selector)})?.textContent ?? ''`;
}

interface Served extends AsyncDisposable {
  readonly url: string;
}

async function serve(exploration: Exploration): Promise<Served> {
  const stop = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = { host: '127.0.0.1', port: 0, token: 'a-token-of-the-test', comparison: pageComparison };
  const ended = servePage(exploration, { ...options, signal: stop.signal, listening: resolve, failed: reject });
  const url = await promise;
  return {
    url,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
      await exploration[Symbol.asyncDispose]();
    },
  };
}

describe('the page of shale explore', { skip }, () => {
  let browser: Browser;
  let page: Page;
  before(async () => {
    browser = Browser.open(program ?? '');
    page = await browser.openPage(1280, 800);
  });
  after(() => browser[Symbol.asyncDispose]());

  /** Opens a view, whatever was open before. */
  async function open(url: string, ready: string): Promise<void> {
    await page.go('about:blank');
    page.complaints.length = 0;
    page.requests.length = 0;
    await page.go(url);
    await page.until(ready);
  }

  test('the page shows the image, its layers and where bytes are lost', async () => {
    await using served = await serve(sampleExploration());
    await open(served.url, "document.querySelector('.figure')");
    assert.match(String(await page.value('document.title')), /^sample – shale explore$/);
    assert.equal(await page.value("document.querySelectorAll('tbody tr').length"), 5);
    assert.match(String(await page.value(text('.panel.wide tbody'))), /COPY \. \/app/);
    assert.match(String(await page.value(text('.causes'))), /deleted later/);
    assert.deepEqual(page.complaints, []);
  });

  test('files are found, chosen and read with keys alone', async () => {
    await using served = await serve(sampleExploration());
    await open(served.url, "document.querySelector('.figure')");
    await page.key('/');
    await page.until("document.activeElement?.type === 'search'");
    await page.type('motd');
    await page.until("document.querySelectorAll('[role=treeitem]').length === 2");
    await page.key('Enter');
    await page.key('ArrowDown');
    await page.key('Enter');
    await page.until(`${text('.details h2')} === '/etc/motd'`);
    await page.until(`(${text('.details pre')}).includes('welcome\\nto our image')`);
    assert.equal(await page.value("document.activeElement?.getAttribute('role')"), 'tree');
    const active = "document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))";
    assert.match(String(await page.value(`${active}.getAttribute('aria-label')`)), /^motd, .*, layer 1$/);
    assert.deepEqual(page.complaints, []);
  });

  test('a layer shows what it changes, and a text how it differs', async () => {
    await using served = await serve(sampleExploration());
    await open(`${served.url}#files/changes-1/etc/motd`, "document.querySelector('.diff .ins')");
    assert.equal(await page.value(text('.diff .del')), '-to debian\n');
    assert.equal(await page.value(text('.diff .ins')), '+to our image\n');
    await page.click('.scope:nth-child(6)');
    await page.until("document.querySelector('.row.state-removed')");
    assert.match(String(await page.value('location.hash')), /^#files\/changes-4/);
    assert.deepEqual(page.complaints, []);
  });

  test('a layer says why it is there', async () => {
    await using served = await serve(sampleExploration());
    await open(`${served.url}#files/changes-2`, "document.querySelector('.layer-facts')");
    assert.match(
      String(await page.value(text('.layer-facts'))),
      /COPY \. \/app[^]*Line3 of [^]*ran in 400 ms: 1 file changed: main\.js/,
    );
    await page.click('.scope:nth-child(3)');
    await page.until(`(${text('.layer-facts')}).includes('curl')`);
    assert.match(String(await page.value(text('.details h2'))), /^Layer 1$/);
    assert.deepEqual(page.complaints, []);
  });

  test('a program says what it needs, a binary file shows its bytes, and a file can be saved', async () => {
    await using served = await serve(sampleExploration());
    await open(`${served.url}#files/merged/bin/bash`, "document.querySelector('.content-tabs')");
    assert.match(String(await page.value(text('.content-body'))), /ld-linux-x86-64\.so\.2/);
    await page.click('.content-tabs button:nth-child(2)');
    await page.until("document.querySelector('.hex')");
    assert.match(String(await page.value(text('.hex'))), /^00000000 {2}7f 45 4c 46/);
    const saved = await page.value(
      "fetch(document.querySelector('a.save').href).then((one) => one.bytes()).then((bytes) => bytes.length)",
    );
    assert.equal(saved, 512);
  });

  test('the map is walked with keys: into a folder, to a file, back up', async () => {
    await using served = await serve(sampleExploration());
    await open(`${served.url}#map`, "document.querySelector('.cell')");
    await page.value("document.querySelector('.cell').focus()");
    const first = await page.value('document.activeElement.dataset.cell');
    await page.key('ArrowRight');
    assert.notEqual(await page.value('document.activeElement.dataset.cell'), first);
    await page.value(
      "[...document.querySelectorAll('.cell')].find((one) => one.textContent.startsWith('app/')).focus()",
    );
    await page.key('Enter');
    await page.until("location.hash === '#map/merged/app' && document.querySelector('.crumbs .link')");
    await page.key('Backspace');
    await page.until("location.hash === '#map/merged' && document.querySelector('.crumbs .link') === null");
    await page.click('.cell.closed:not([aria-expanded])');
    await page.until("location.hash.startsWith('#files/merged/')");
    assert.deepEqual(page.complaints, []);
  });

  test('waste is narrowed to a cause, the build is told step by step, packages are searched', async () => {
    await using served = await serve(sampleExploration());
    await open(`${served.url}#waste`, "document.querySelector('.card-choice')");
    const rows = "document.querySelectorAll('.panel:nth-child(2) tbody tr').length";
    const all = Number(await page.value(rows));
    await page.click('.card-choice');
    const some = Number(await page.value(rows));
    assert.ok(some > 0 && some < all, `${some} of ${all}`);
    assert.match(String(await page.value(text('.panel:nth-child(2) tbody'))), /apt-clean-lists/);

    await open(`${served.url}#build`, "document.querySelector('.graph-box')");
    assert.equal(await page.value("document.querySelectorAll('.time-row').length"), 6);
    assert.equal(await page.value("document.querySelectorAll('.edge').length"), 5);
    await page.click('li:nth-child(4) .time-row');
    assert.match(String(await page.value(text('.chosen-step'))), /1 file changed: main\.js/);

    await open(`${served.url}#packages`, "document.querySelector('tbody tr')");
    await page.value("document.querySelector('.stack input[type=search]').focus()");
    await page.type('curl');
    await page.until("document.querySelectorAll('.panel:first-child tbody tr').length === 1");
    await page.key('Escape');
    assert.deepEqual(page.complaints, []);
  });

  test('two images are compared', async () => {
    await using served = await serve(sampleExploration());
    await open(`${served.url}#compare`, "document.querySelector('.badge.state-removed')");
    assert.match(String(await page.value(text('main'))), /web:1\.3[^]*web:1\.4[^]*\/srv\/app[^]*12 more are left out/);
  });

  test('names of an image that mean harm are shown as text, and nothing of them is run', async () => {
    await using served = await serve(pageExploration());
    await open(
      `${served.url}#files/merged/srv/${encodeURIComponent(HOSTILE_NAME)}`,
      "document.querySelector('.details pre')",
    );
    assert.equal(await page.value("document.querySelectorAll('img, main script').length"), 0);
    const name = String(await page.value(text('.details h2')));
    assert.equal(name, '/srv/<img src=x onerror=document.title=1>\\xe2\\x80\\xaetxt\\xff');
    assert.match(String(await page.value(text('.details pre'))), /^<\/script><script>/);
    await page.key('1');
    await page.until(`(${text('#view-overview .facts')}).includes('<b>root</b>')`);
    assert.match(String(await page.value('document.title')), /shale explore$/);
    const others = page.requests.filter((url) => !url.startsWith(served.url) && !url.startsWith('about:'));
    assert.deepEqual(others, []);
    assert.deepEqual(page.complaints, []);
  });

  test('a page that stands alone works from a file and asks nobody for anything', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'shale-page-'));
    try {
      const file = join(folder, 'page.html');
      await using exploration = sampleExploration();
      writeFileSync(file, await standalonePage(exploration, pageComparison));
      const url = `file://${file}`;
      await open(`${url}#files/changes-1/etc/motd`, "document.querySelector('.diff .ins')");
      assert.equal(await page.value(text('.diff .ins')), '+to our image\n');
      await open(`${url}#map`, "document.querySelector('.cell')");
      await open(`${url}#files/merged/bin/bash`, "document.querySelector('.details .nothing')");
      assert.match(String(await page.value(text('.details .nothing'))), /Contents are not in this file/);
      assert.deepEqual(
        page.requests.filter((one) => !one.startsWith(url) && !one.startsWith('about:')),
        [],
      );
      assert.deepEqual(page.complaints, []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('of many files only those in sight are in the document', async () => {
    await using served = await serve(pageExploration(6000));
    await open(`${served.url}#files`, "document.querySelector('[role=treeitem]')");
    await page.key('/');
    await page.type('file-');
    await page.until(`(${text('.status')}).startsWith('5,000 matches')`);
    assert.ok(Number(await page.value("document.querySelectorAll('[role=treeitem]').length")) < 80);
    await page.key('Enter');
    await page.key('End');
    await page.until("document.querySelector('.row.active')");
    assert.ok(Number(await page.value("document.querySelector('.rows').scrollTop")) > 100_000);
    assert.ok(Number(await page.value("document.querySelectorAll('[role=treeitem]').length")) < 80);
  });

  test('a screen reader gets names and roles, and every control has one', async () => {
    await using served = await serve(sampleExploration());
    for (const tab of TABS) {
      await open(
        `${served.url}#${tab}`,
        `document.querySelector('#view-${tab} > *') && !(${text('.status')}).startsWith('reading')`,
      );
      const nodes = await page.accessibility();
      const unnamed = nodes.filter(
        ({ role, name }) =>
          /^(?:button|link|tab|treeitem|textbox|searchbox|combobox|tree|dialog)$/.test(role) && name.trim() === '',
      );
      assert.deepEqual(unnamed, [], tab);
      assert.ok(nodes.some(({ role, name }) => role === 'tab' && name === 'Overview'));
      assert.ok(nodes.some(({ role }) => role === 'main'));
    }
    assert.equal(await page.value('document.querySelectorAll(\'[role=tab][tabindex="0"]\').length'), 1);
  });

  test('words can be told from their ground in light and in dark', async () => {
    await using served = await serve(sampleExploration());
    for (const theme of ['light', 'dark'] as const) {
      await page.theme(theme);
      for (const tab of TABS) {
        await open(
          `${served.url}#${tab}`,
          `document.querySelector('#view-${tab} > *') && !(${text('.status')}).startsWith('reading')`,
        );
        const least = JSON.parse(String(await page.value(LEAST_CONTRAST))) as { ratio: number; text: string };
        assert.ok(least.ratio >= 4.5, `${theme}, ${tab}: ${least.ratio.toFixed(2)} for ${least.text}`);
      }
    }
    await open(served.url, "document.querySelector('.controls button')");
    await page.click('.controls button');
    assert.equal(await page.value('document.documentElement.dataset.theme'), 'light');
    await page.value('localStorage.clear()');
  });

  test('a narrow window needs no scrolling sideways', async () => {
    await using served = await serve(sampleExploration());
    await page.resize(400, 800);
    for (const tab of TABS) {
      await open(`${served.url}#${tab}`, `document.querySelector('#view-${tab} > *')`);
      assert.ok(Number(await page.value('document.documentElement.scrollWidth')) <= 400, tab);
    }
    await page.resize(1280, 800);
  });
});

/** The least contrast of any text with what lies behind it, by WCAG 2.2 ("relative luminance"). */
const LEAST_CONTRAST = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const colour = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => [r, g, b]
    .map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = colour(getComputedStyle(at).backgroundColor);
      if (found[3] > 250) return found;
    }
    return [255, 255, 255, 255];
  };
  let least = { ratio: 21, text: '' };
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '');
    if (!own || element.getClientRects().length === 0 || element.closest('.hidden')) continue;
    const [a, b] = [luminance(colour(getComputedStyle(element).color)), luminance(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least.ratio) least = { ratio, text: element.className + ': ' + element.textContent.slice(0, 60) };
  }
  return JSON.stringify(least);
})()`;
