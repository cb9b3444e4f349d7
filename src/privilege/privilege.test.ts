import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { arrive } from './arrive.ts';
import { mappedCount, parseIdMap, toOutside } from './id-map.ts';
import { type MappingFacts, planMapping } from './mapping.ts';
import { parseSubordinateIds } from './subordinate-ids.ts';

const WHOLE = parseIdMap('         0          0 4294967295\n');
const USER = parseIdMap('         0       1000          1\n         1     100000      65536\n');

describe('id maps', () => {
  test('toOutside() gives what an id is outside, and nothing for ids that the namespace lacks', () => {
    assert.deepEqual(
      [0, 1, 65_536, 65_537].map((id) => toOutside(USER, id)),
      [1000, 100_000, 165_535, undefined],
    );
    assert.equal(mappedCount(USER), 65_537);
  });
});

describe('parseSubordinateIds()', () => {
  test('takes the lines of a user by name and by number, in their order', () => {
    const text = 'other:1:2\nme:100000:65536\n# me:5:5\n1000:300000:1000\nme:x:1\nme:7:0\n me:8:1\nme:1:2:3\n';
    assert.deepEqual(parseSubordinateIds(text, { name: 'me', uid: 1000 }), [
      { first: 100_000, count: 65_536 },
      { first: 300_000, count: 1000 },
    ]);
    assert.deepEqual(parseSubordinateIds(text, { name: 'nobody', uid: 1 }), []);
  });
});

describe('planMapping()', () => {
  const facts: MappingFacts = {
    uid: 1000,
    gid: 100,
    subordinate: {
      uids: [
        { first: 100_000, count: 10 },
        { first: 5000, count: 5 },
      ],
      gids: [{ first: 200_000, count: 10 }],
    },
    hasPrograms: true,
    maySetIds: false,
    current: { uids: WHOLE, gids: WHOLE },
  };

  test('makes the user root and the subordinate ids the others', () => {
    const { kind, uids, gids } = planMapping(facts);
    assert.equal(kind, 'subordinate');
    assert.deepEqual(uids, parseIdMap('0 1000 1\n1 100000 10\n11 5000 5\n'));
    assert.deepEqual(gids, parseIdMap('0 100 1\n1 200000 10\n'));
  });

  test('has one id where programs or ranges are missing', () => {
    const none = { uids: facts.subordinate.uids, gids: [] };
    for (const lack of [{ hasPrograms: false }, { subordinate: none }]) {
      const { kind, uids, gids } = planMapping({ ...facts, ...lack });
      assert.equal(kind, 'single');
      assert.deepEqual([uids, gids], [parseIdMap('0 1000 1\n'), parseIdMap('0 100 1\n')]);
    }
  });

  test('keeps every id of a root that may not mount', () => {
    const current = { uids: USER, gids: USER };
    const { kind, uids } = planMapping({ ...facts, uid: 0, maySetIds: true, current });
    assert.equal(kind, 'own');
    assert.deepEqual(uids, parseIdMap('0 0 1\n1 1 65536\n'));
    // runc takes a namespace with all ids for the machine's.
    const all = planMapping({ ...facts, uid: 0, maySetIds: true });
    assert.deepEqual(all.gids, parseIdMap('0 0 4294967294\n'));
  });
});

describe('arrive()', () => {
  test('knows the user outside, and leaves that to programs that are started', () => {
    const env = { _SHALE_INSIDE: '1000' };
    assert.deepEqual(arrive(env, 0), { uid: 1000, isInside: true });
    assert.deepEqual(env, { _SHALE_INSIDE: '1000' });
    assert.deepEqual(arrive({}, 1000), { uid: 1000, isInside: false });
    assert.deepEqual(arrive({ _SHALE_INSIDE: 'x' }, 5), { uid: 5, isInside: false });
  });
});
