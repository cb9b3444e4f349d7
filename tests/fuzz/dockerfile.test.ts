/**
 * Mutated Dockerfiles: whatever stands in a file, reading it ends soon and never throws, its print is the file again, byte
 * for byte, and its plan is either made or refused with a place. Each round has a number; `SHALE_FUZZ_ROUND` runs one again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isShaleError } from '../../src/base/index.ts';
import {
  describeDockerfile,
  parseDockerfile,
  piecesOf,
  printDockerfile,
  transpileDockerfile,
  type Dockerfile,
} from '../../src/dockerfile/index.ts';
import { readCorpus } from '../../src/dockerfile/syntax/corpus.fixture.ts';
import { Random } from '../support/random.ts';
import { mutate } from './mutate.ts';

const isLong = process.env['SHALE_TEST_LONG'] === '1';
const SECONDS = isLong ? 600 : 20;
/** Milliseconds for one file. Others use the machine too: a hang takes for ever, a slow moment does not. */
const LIMIT_MS = 10_000;
const SIZE_MAX = 20_000;

const OWN = [
  '# shale:extensions\nARG K=b\nFROM a AS b\nARG X=b\nSQUASH BEGIN\nRUN --no-cache <<-E\n\t#!/bin/sh\n\tE\nSQUASH END\nCOPY --if-exists --from=$X ["a b", "/c"]\nADD --if-exists a.b $X /c\nUNSET ENV A\nUNSET EXPOSE 80-81/udp\n',
  '# syntax=docker/dockerfile:1\n# escape=`\n# check=skip=all;error=true\nFROM a AS b\nRUN x `\n  y\n',
  'ARG V=1 W="a b"\nFROM --platform=$BUILDPLATFORM a:${V:-2} AS x\nFROM x\nCOPY --from=x --chown=1:2 --chmod=u+x <<A <<-\'B\' /d/\n$V\nA\n\tb\n\tB\nCMD ["a","b"]\n',
  'FROM scratch\nONBUILD RUN --mount=type=cache,target=$X,id=a <<E\n#!/bin/sh\nE\nHEALTHCHECK --interval=1s CMD x\nENV a=${b#*/} c=${d//x/y} e "f\nLABEL "a b"=c\n',
  'FROM a\r\nRUN --mount=type=secret,id=s,env=S --network=none true\r\nEXPOSE 80/TCP 1-9 [::1]:1:1\r\nVOLUME ["/x"]\r\nUSER $U\r\nSTOPSIGNAL 9\r\nSHELL ["x"]\r\nWORKDIR a\r\n',
  'FROM a\nADD --checksum=sha256:0 --keep-git-dir https://x.test/y.git#v1:d /z\nADD --unpack=false a b c /d\nCOPY --parents --exclude=*.x --link a/./b [c] /\n',
];

function seeds(): Buffer[] {
  const corpus = readCorpus('real-world.jsonl.gz');
  const real = corpus.missing === false ? corpus.readLines<{ readonly text: string }>().map(({ text }) => text) : [];
  return [...OWN, ...real].map((text) => Buffer.from(text)).filter(({ length }) => length < SIZE_MAX);
}

async function check(bytes: Buffer): Promise<void> {
  const started = performance.now();
  const dockerfile = parseDockerfile(bytes);
  assert.deepEqual(Buffer.from(printDockerfile(dockerfile)), bytes, 'the print is the file');
  const { text, lineStarts } = dockerfile.source;
  assert.equal(piecesOf(dockerfile).at(-1)?.lastLine, lineStarts.length);
  let end = 0;
  for (const node of dockerfile.nodes) {
    assert.ok(node.start >= end && node.end >= node.start && node.end <= text.length, 'instructions do not overlap');
    for (const word of [node.keyword, ...node.flags]) {
      assert.ok(word.start >= node.start && word.end <= node.end, 'words stand in their instruction');
    }
    end = node.end;
  }
  for (const { start, end: last } of dockerfile.diagnostics) {
    assert.ok(start.line >= 1 && last.line <= lineStarts.length && start.column >= 1, 'places are in the file');
  }
  const described = await describeDockerfile(bytes);
  for (const { lines } of described.checks) {
    for (const [first] of lines) assert.ok(first >= 1 && first <= lineStarts.length, 'findings are in the file');
  }
  plainOrRefused(dockerfile);
  const took = performance.now() - started;
  assert.ok(took < LIMIT_MS, `took ${took} ms`);
}

/** What the plain language cannot say is refused, and what comes out is read like any other file. */
function plainOrRefused(dockerfile: Dockerfile): void {
  const platform = { os: 'linux', architecture: 'amd64' };
  try {
    const { text } = transpileDockerfile(dockerfile, { buildArgs: {}, platform, target: undefined });
    if (!dockerfile.isExtended) assert.equal(text, dockerfile.source.text);
    else assert.equal(parseDockerfile(text).isExtended, false);
  } catch (error) {
    if (!isShaleError(error, 'DOCKERFILE_INVALID')) throw error;
  }
}

test('F-231: mutated Dockerfiles are read without a fault', { timeout: SECONDS * 1000 + 120_000 }, async (t) => {
  const files = seeds();
  const own = files.slice(0, OWN.length);
  const one = process.env['SHALE_FUZZ_ROUND'];
  const first = one === undefined ? 0 : Number(one);
  const ends = performance.now() + SECONDS * 1000;
  let round = first;
  for (; performance.now() < ends && (one === undefined || round === first); round++) {
    const random = new Random(round);
    // Our own are few, and hold the rarest forms.
    const file = random.pick(random.below(4) === 0 ? own : files) ?? Buffer.alloc(0);
    const bytes = mutate(file, random, files);
    try {
      await check(bytes);
    } catch (error) {
      const shown = JSON.stringify(bytes.toString('latin1').slice(0, 4000));
      throw new Error(`SHALE_FUZZ_ROUND=${round} fails on ${shown}`, { cause: error });
    }
    // Lets the runner's time limit be heard.
    if (round % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  t.diagnostic(`${round - first} files`);
});
