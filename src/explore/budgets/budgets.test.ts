import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isShaleError } from '../../base/index.ts';
import { sampleExploration } from '../sample.fixture.ts';
import { checkBudgets } from './check.ts';
import { findBudgets, loadBudgets } from './config.ts';
import { parseBudget } from './values.ts';

describe('budget files', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'shale-budgets-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  test('dive’s rules are read, with those that are disabled left out', async () => {
    const path = file(
      '.dive-ci',
      'rules:\n  lowestEfficiency: 0.95\n  highestWastedBytes: 20MB\n  highestUserWastedPercent: disabled\n',
    );
    assert.deepEqual((await loadBudgets(path)).budgets, { lowestEfficiency: 0.95, highestWastedBytes: 20_000_000 });
    assert.equal((await findBudgets(folder))?.path, path);
  });

  test('ours are read before dive’s', async () => {
    file(
      '.shale-explore.toml',
      '[budgets]\nmin-efficiency = "97%"\nmax-layer-size = "1.5GiB"\nmax-layers = 12\nallowed-privileged = ["/usr/bin/su"]\n',
    );
    assert.deepEqual((await findBudgets(folder))?.budgets, {
      efficiency: 0.97,
      layerBytes: 1.5 * 2 ** 30,
      layers: 12,
      privileged: ['/usr/bin/su'],
    });
  });

  test('what cannot be read is told with file, line and what was expected', async () => {
    const said: (readonly [name: string, text: string, message: RegExp])[] = [
      [
        'a.toml',
        '[budgets]\nmax-layers = 3\nmax-waisted = 1\n',
        /a\.toml:3: there is no budget "max-waisted"; there are min-eff/,
      ],
      ['b.toml', '[budgets]\nmin-efficiency = 1.5\n', /b\.toml:2: min-efficiency: expected a share from 0 to 1/],
      ['c.toml', '[limits]\n', /c\.toml: there is no "limits", only budgets/],
      ['d.toml', 'x = = 1', /d\.toml: /],
      ['e.yaml', 'rules:\n  lowestEfficiency: many\n', /e\.yaml:2: lowestEfficiency: expected a share/],
      [
        'f.yaml',
        'rules:\n  min-efficiency: 1\n',
        /f\.yaml:2: there is no budget "min-efficiency"; there are lowestEff/,
      ],
      ['g.yaml', '- 1\n', /g\.yaml: it is not a map/],
    ];
    for (const [name, text, message] of said)
      await assert.rejects(loadBudgets(file(name, text)), (error) => {
        assert.ok(isShaleError(error, 'EXPLORE_CONFIG_INVALID'));
        assert.match(error.message, message);
        return true;
      });
    await assert.rejects(loadBudgets(join(folder, 'none')), (error) => isShaleError(error, 'EXPLORE_CONFIG_INVALID'));
  });
});

describe('parseBudget()', () => {
  test('takes sizes in units of 1000 and 1024, and shares as parts or percents', () => {
    assert.deepEqual(parseBudget('wastedBytes', '20MB'), { wastedBytes: 20_000_000 });
    assert.deepEqual(parseBudget('wastedBytes', '20 MiB'), { wastedBytes: 20 * 2 ** 20 });
    assert.deepEqual(parseBudget('wastedBytes', 5), { wastedBytes: 5 });
    assert.deepEqual(parseBudget('efficiency', '95%'), { efficiency: 0.95 });
    assert.deepEqual(parseBudget('lowestEfficiency', '0.95'), { lowestEfficiency: 0.95 });
    for (const [budget, value] of [
      ['wastedBytes', 'much'],
      ['wastedBytes', '-1'],
      ['efficiency', ''],
      ['efficiency', '101%'],
      ['layers', '1.5'],
      ['privileged', 'usr/bin/su'],
    ] as const)
      assert.throws(() => parseBudget(budget, value), RangeError, `${budget} ${value}`);
  });
});

describe('checkBudgets()', () => {
  test('says of each budget whether it is kept, and what breaks it', async () => {
    await using sample = sampleExploration();
    const { scores, layers } = sample.report;
    const largest = Math.max(...layers.map(({ tarBytes }) => tarBytes));
    const kept = checkBudgets(sample.report, {
      efficiency: scores.shale.efficiency,
      layerBytes: largest,
      layers: 5,
      privileged: ['/usr/bin/su', '/usr/bin/ping'],
      lowestEfficiency: scores.dive.efficiency,
      highestWastedBytes: scores.dive.wastedBytes,
    });
    assert.deepEqual(
      kept.map(({ isKept }) => isKept),
      [true, true, true, true, true, true],
    );
    const broken = checkBudgets(sample.report, {
      efficiency: 0.99,
      wastedBytes: 1000,
      layerBytes: largest - 1,
      imageBytes: 1,
      layers: 4,
      privileged: ['/usr/bin/su'],
      lowestEfficiency: 1,
      highestWastedBytes: 0,
      highestUserWastedPercent: 0,
    });
    assert.equal(broken.length, 9);
    assert.ok(broken.every(({ isKept }) => !isKept));
    assert.deepEqual(broken.find(({ budget }) => budget === 'privileged')?.offenders, ['/usr/bin/ping']);
    assert.match(broken.find(({ budget }) => budget === 'layerBytes')?.offenders[0] ?? '', /^layer \d has .*: [A-Z]+ /);
    assert.match(
      broken.find(({ budget }) => budget === 'wastedBytes')?.offenders[0] ?? '',
      /deleted in layer 1: \/var\/lib\/apt\/lists/,
    );
    assert.deepEqual(checkBudgets(sample.report, {}), []);
  });
});
