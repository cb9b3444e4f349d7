import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readCorpus } from './corpus.fixture.ts';
import { parseDockerfile } from './dockerfile.ts';
import { piecesOf, printDockerfile } from './print.ts';

const realWorld = readCorpus('real-world.jsonl.gz');
const PARTS = 'FROM a|RUN <<E|\nE\n|\\\n|`|# x|\n|\r\n|\t|COPY a b|# escape=`\n|ONBUILD |é|"|\ufeff'.split('|');

function printed(content: string | Uint8Array): Buffer {
  return Buffer.from(printDockerfile(parseDockerfile(content)));
}

test('printDockerfile() gives back the bytes that were parsed', () => {
  const text = fc.array(fc.constantFrom(...PARTS), { maxLength: 25 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(text, fc.string()), (content) => {
      assert.deepEqual(printed(content), Buffer.from(content));
    }),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (content) => {
      assert.deepEqual(printed(content), Buffer.from(content));
    }),
    { numRuns: 2000 },
  );
});

test('printDockerfile() gives back real Dockerfiles', { skip: realWorld.missing }, () => {
  for (const { id, text } of realWorld.readLines<{ readonly id: string; readonly text: string }>()) {
    assert.equal(printed(text).toString(), text, id);
  }
});

test('piecesOf() gives every line to one piece', () => {
  const text = '# one\n\nFROM a\nRUN <<E\nx\nE\n# two\n\nCMD x \\\n # in\n  y';
  const dockerfile = parseDockerfile(text);
  const pieces = piecesOf(dockerfile).map(({ node, firstLine, lastLine }) => [node?.name, firstLine, lastLine]);
  assert.deepEqual(pieces, [
    [undefined, 1, 2],
    ['from', 3, 3],
    ['run', 4, 6],
    [undefined, 7, 8],
    ['cmd', 9, 11],
  ]);
});

test('printDockerfile() replaces instructions, and leaves the bytes around them', () => {
  const bytes = Buffer.from('# caf\xe9\r\nFROM a\r\nRUN x\r\n', 'latin1');
  const dockerfile = parseDockerfile(bytes);
  const [, run] = dockerfile.nodes;
  assert.ok(run !== undefined);
  const replaced = printDockerfile(dockerfile, new Map([[run, 'RUN y\r\n']]));
  assert.equal(Buffer.from(replaced).toString('latin1'), '# caf\xe9\r\nFROM a\r\nRUN y\r\n');
});
