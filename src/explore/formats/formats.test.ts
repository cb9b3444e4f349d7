import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findRule } from '../../dockerfile/index.ts';
import { checkBudgets } from '../budgets/check.ts';
import { compareExplorations } from '../compare.ts';
import { explore } from '../exploration.ts';
import { readCreatedBy } from '../instructions.ts';
import { partsOf } from '../parts.fixture.ts';
import { CAUSES, ruleLink, ruleOf } from '../rules.ts';
import { sampleExploration } from '../sample.fixture.ts';
import type { WasteCause } from '../types.ts';
import { comparisonJson, exploreJson } from './json.ts';
import { comparisonMarkdown, exploreMarkdown } from './markdown.ts';
import { exploreSarif } from './sarif.ts';
import { comparisonSummary, exploreSummary } from './summary.ts';

interface Sarif {
  readonly runs: readonly {
    readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
    readonly results: readonly {
      readonly ruleId: string;
      readonly ruleIndex: number;
      readonly level: string;
      readonly message: { readonly text: string };
      readonly locations: readonly {
        readonly physicalLocation: { readonly artifactLocation: { readonly uri: string }; readonly region?: object };
      }[];
    }[];
  }[];
}

test('every rule that a cause names is one of shale lint, with its title', () => {
  for (const [cause, { rules }] of Object.entries(CAUSES)) {
    for (const id of rules) {
      assert.equal(findRule(id)?.id, id, cause);
      assert.equal(ruleLink(id).title, findRule(id)?.title, id);
    }
  }
  const rule = (cause: WasteCause, path: string) => ruleOf(cause, path)?.id;
  assert.equal(rule('deleted', 'var/lib/apt/lists'), 'apt-clean-lists');
  assert.equal(rule('deleted', 'opt/big'), 'layer-delete-no-gain');
  assert.equal(rule('package-cache', 'root/.cache/pip'), 'pip-no-cache');
  assert.equal(rule('package-cache', 'root/.npm/_cacache'), undefined);
  for (const path of ['var/cache/apk', 'var/cache/dnf', 'var/cache/yum', 'var/cache/zypp', 'home/x/.cache/yarn']) {
    const id = rule('package-cache', path);
    assert.ok(id !== undefined && findRule(id)?.title === ruleLink(id).title, path);
  }
});

test('readCreatedBy() takes away what builders put around an instruction', () => {
  const text = (createdBy: string) => Object.values(readCreatedBy({ createdBy }));
  assert.deepEqual(text('RUN /bin/sh -c apt-get  update # buildkit'), ['RUN', 'RUN apt-get update']);
  assert.deepEqual(text('RUN |2 A=b C=d /bin/sh -c make # buildkit'), ['RUN', 'RUN make']);
  assert.deepEqual(text('/bin/sh -c #(nop)  CMD ["bash"]'), ['CMD', 'CMD ["bash"]']);
  assert.deepEqual(text('/bin/sh -c #(nop) ADD file:0123 in / '), ['ADD', 'ADD file:0123 in /']);
  assert.deepEqual(text('/bin/sh -c set -e; make'), ['RUN', 'RUN set -e; make']);
  assert.deepEqual(text('|1 A=b /bin/sh -c make'), ['RUN', 'RUN make']);
  assert.deepEqual(text('buildroot 2024'), ['', 'buildroot 2024']);
});

describe('the forms of an exploration', () => {
  test('the summary tells layers, waste by cause with rules, bases, the build and budgets', async () => {
    await using sample = sampleExploration();
    const budgets = checkBudgets(sample.report, { layers: 4 });
    const text = exploreSummary(sample.report, { score: 'shale', budgets });
    for (const part of [
      /^sample {2}5a5a5a5a5a5a$/m,
      /^1 +1[0-9]{2}kB +.*12\.0s +ran +RUN apt-get update && apt-get install -y curl$/m,
      /^ {2}deleted +lost +140kB/m,
      /deleted +layer 1, by 4 +\/var\/lib\/apt\/lists\/ +lint: apt-clean-lists$/m,
      /metadata +layer 3 +\/app\/main\.js +lint: chown-doubles$/m,
      /^stands on debian:12 \(1 layer\)$/m,
      /^build bsampleabcd: 14\.5s, 4 of 6 steps ran/m,
      /^BROKEN +layers +5 +at most 4$/m,
    ])
      assert.match(text, part);
    assert.match(exploreSummary(sample.report, { score: 'dive' }), /as dive counts\n\nCOUNT +TOTAL +PATH\n/);
  });

  test('JSON has the whole report, with paths as text that begin with a slash', async () => {
    await using sample = sampleExploration();
    const json = JSON.parse(exploreJson(sample.report)) as {
      version: number;
      scores: object;
      waste: { entries: { path: string }[] };
      privileged: { path: string }[];
    };
    assert.equal(json.version, 1);
    assert.deepEqual(
      json.scores,
      JSON.parse(
        JSON.stringify(sample.report.scores, (key, value: unknown) => (key === 'path' ? `/${String(value)}` : value)),
      ),
    );
    assert.deepEqual(
      json.privileged.map(({ path }) => path),
      ['/usr/bin/ping', '/usr/bin/su'],
    );
    assert.ok(json.waste.entries.every(({ path }) => path.startsWith('/')));
  });

  test('Markdown lets nothing of an image be markup', async () => {
    const hostile = '<img src=x>|`a`';
    await using image = explore(
      partsOf([[{ path: hostile, content: 'x'.repeat(50_000) }], [{ path: `.wh.${hostile}` }]], {
        history: [
          { createdBy: `RUN echo '</code>${hostile}'`, comment: '', created: undefined, isEmptyLayer: false },
          { createdBy: 'RUN rm', comment: '', created: undefined, isEmptyLayer: false },
        ],
      }),
    );
    const text = exploreMarkdown(image.report, checkBudgets(image.report, { wastedBytes: 0 }));
    assert.ok(text.includes('deleted'));
    assert.ok(
      !text.includes('<img') && !text.includes('</code>&') && !text.includes('>|') && !text.includes('`a`'),
      text,
    );
  });

  test('SARIF has a result for each broken budget and each large waste, at its line of the Dockerfile', async () => {
    await using sample = sampleExploration();
    const budgets = checkBudgets(sample.report, { layers: 4, imageBytes: 10_000_000 });
    const [run] = (
      JSON.parse(exploreSarif(sample.report, budgets, { version: '1.0.0', folder: '/src/sample' })) as Sarif
    ).runs;
    assert.ok(run !== undefined);
    for (const { ruleId, ruleIndex } of run.results) assert.equal(run.tool.driver.rules[ruleIndex]?.id, ruleId);
    assert.deepEqual(
      run.results.map(({ ruleId, level }) => [ruleId, level]),
      [
        ['budget/layers', 'error'],
        ['deleted', 'warning'],
        ['deleted', 'warning'],
        ['package-cache', 'warning'],
        ['duplicate', 'warning'],
        ['metadata', 'warning'],
      ],
    );
    const lists = run.results.find(({ message }) => message.text.includes('/var/lib/apt/lists/'));
    assert.deepEqual(lists?.locations[0]?.physicalLocation, {
      artifactLocation: { uri: 'Dockerfile' },
      region: { startLine: 2, endLine: 2 },
    });
    const elsewhere = exploreSarif(sample.report, [], { version: '1.0.0', folder: '/src/sam' });
    assert.match(elsewhere, /"uri": "file:\/\/\/src\/sample\/Dockerfile"/);
  });
});

describe('compareExplorations()', () => {
  test('tells files, packages, rights and fields that differ, and not times alone', async () => {
    const status = (version: string): string =>
      `Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n`;
    const files = (version: string, more: Parameters<typeof partsOf>[0][number]) => [
      [
        { path: 'var/lib/dpkg/status', content: status(version) },
        { path: 'etc/same', content: 'same', mtimeNs: BigInt(version.length) },
        ...(Array.isArray(more) ? more : []),
      ],
    ];
    await using nothing = partsOf([]);
    const { image } = nothing;
    await using before = explore(
      partsOf(
        files('5.1', [
          { path: 'gone', content: 'x'.repeat(100) },
          { path: 'mode', mode: 0o644 },
        ]),
        {
          image: { ...image, name: 'web:1', config: { Env: ['A=1', 'B=2'], Cmd: ['a'] } },
        },
      ),
    );
    await using after = explore(
      partsOf(
        files('5.2', [
          { path: 'new', content: 'y'.repeat(300), mode: 0o4755 },
          { path: 'mode', mode: 0o600 },
        ]),
        { image: { ...image, name: 'web:2', config: { Env: ['A=1', 'B=3'], Cmd: ['a'] } } },
      ),
    );
    const comparison = compareExplorations(before, after);
    assert.deepEqual(
      comparison.files.map(({ path, state, differs }) => [path, state, ...differs]),
      [
        ['new', 'added'],
        ['gone', 'removed'],
        ['mode', 'modified', 'mode'],
        ['var/lib/dpkg/status', 'modified', 'content'],
      ],
    );
    assert.equal(comparison.totals.growth, 200);
    assert.deepEqual(comparison.config, [{ field: 'Env.B', before: '2', after: '3' }]);
    assert.deepEqual(
      comparison.packages.map(({ name, before: was, after: is }) => [name, was?.version, is?.version]),
      [['bash', '5.1', '5.2']],
    );
    assert.deepEqual(
      comparison.privileged.added.map(({ path }) => path),
      ['new'],
    );
    assert.match(comparisonSummary(comparison), /^ {2}\+300B +added +\/new$/m);
    assert.match(comparisonMarkdown(comparison), /^# web:1 → web:2$/m);
    assert.match(comparisonJson(comparison), /"path": "\/new"/);
  });

  test('counts a file with several names once', async () => {
    await using before = explore(partsOf([[{ path: 'kept', content: 'k' }]]));
    await using after = explore(
      partsOf([
        [
          { path: 'kept', content: 'k' },
          { path: 'one', content: 'x'.repeat(1000), mode: 0o755 },
          ...['two', 'three'].map((path) => ({ path, kind: 'hardlink' as const, linkTarget: 'one' })),
        ],
      ]),
    );
    const { totals } = compareExplorations(before, after);
    assert.deepEqual(totals.added, { files: 3, bytes: 1000 });
    assert.equal(totals.growth, after.report.totals.visible.bytes - before.report.totals.visible.bytes);
    assert.equal(compareExplorations(after, before).totals.growth, -1000);
  });

  test('of an image with itself nothing differs', async () => {
    await using one = sampleExploration();
    await using other = sampleExploration();
    const { files, packages, config, sharedLayers, totals } = compareExplorations(one, other);
    assert.deepEqual([files, packages, config, sharedLayers, totals.growth], [[], [], [], 5, 0]);
  });
});
