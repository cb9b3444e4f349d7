import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { Exploration, ExplorationComparison } from '../explore/index.ts';
import { sampleExploration } from '../explore/sample.fixture.ts';
import { HOSTILE_NAME, pageComparison, pageExploration } from './page.fixture.ts';
import { standalonePage } from './standalone-page.ts';
import type { EmbeddedPage } from './wire.ts';

function embeddedIn(html: string): EmbeddedPage {
  const [, data = ''] = /<script type="application\/gzip" id="embedded">([^<]*)</.exec(html) ?? [];
  return JSON.parse(gunzipSync(Buffer.from(data, 'base64')).toString()) as EmbeddedPage; // What the page does.
}

async function pageOf(exploration: Exploration, comparison?: ExplorationComparison): Promise<string> {
  await using open = exploration;
  return await standalonePage(open, comparison);
}

describe('standalonePage()', () => {
  test('standalonePage() holds the report, the trees and small differences, and no contents', async () => {
    const page = embeddedIn(await pageOf(pageExploration(), pageComparison));
    assert.equal(page.report.image.name, 'registry.example/shop/web:1.4');
    assert.equal(page.comparison?.moreFiles, 12);
    assert.deepEqual(Object.keys(page.trees), ['merged', 'changes-0', 'changes-1', 'changes-2']);
    assert.ok(page.trees['merged']?.names.includes('env'));
    assert.deepEqual(Object.keys(page.diffs), ['2:etc/ssl/cert', '1:etc/ssl/cert']);
    assert.match(JSON.stringify(page.diffs['1:etc/ssl/cert']), /-old\\n\+newer/);
    assert.equal(JSON.stringify(page).includes('nobody should find this'), false);
  });

  test('standalonePage() holds what the model says of a whole image', async () => {
    await using exploration = sampleExploration();
    const { report } = embeddedIn(await standalonePage(exploration, undefined));
    assert.equal(report.build?.steps.length, 6);
    assert.deepEqual(report.totals, exploration.report.totals);
    assert.deepEqual(report.waste.causes, exploration.report.waste.causes);
  });

  test('standalonePage() gives the same bytes for the same image', async () => {
    assert.equal(await pageOf(pageExploration()), await pageOf(pageExploration()));
  });

  test('standalonePage() has nothing of an image outside its data, and a policy for its own script only', async () => {
    const html = await pageOf(pageExploration());
    assert.equal(html.includes(HOSTILE_NAME), false);
    assert.equal(html.includes('onerror'), false);
    const [, script = ''] = /<script>([^]*)<\/script>/.exec(html) ?? [];
    const hash = createHash('sha256').update(script).digest('base64');
    assert.match(html, new RegExp(`script-src 'sha256-${hash.replaceAll(/[+/]/g, '\\$&')}'`));
    assert.doesNotMatch(html, /unsafe-inline|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  });
});
