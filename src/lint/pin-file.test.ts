import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alpineBranchOf, debianSuiteOf } from './distributions.ts';
import { pinFile } from './pin-file.ts';
import type { PinQuery } from '../engine/index.ts';

test('pinFile() writes versions of what it can ask for, and says why not for the rest', async () => {
  const text = [
    'FROM debian:12',
    'RUN apt-get install -y curl git=1 $MORE nothing',
    'FROM alpine:3.20',
    'RUN ["apk", "add", "--no-cache", "curl"]',
    'FROM somebody/image:1',
    'RUN apt-get install -y vim',
    'FROM debian:latest',
    'RUN npm i x',
  ].join('\n');
  const asked: PinQuery[] = [];
  const { text: pinned, left } = await pinFile(
    text,
    {},
    {
      locked: (pin) => (pin.kind === 'npm' ? '1.2.3' : undefined),
      lookUp: async (queries) => {
        asked.push(...queries);
        return queries.map((query) =>
          query.name === 'nothing'
            ? { problem: 'no such package' }
            : { version: query.kind === 'image' ? 'sha256:0' : '9-1' },
        );
      },
    },
  );
  assert.equal(
    pinned,
    [
      'FROM debian:12',
      'RUN apt-get install -y curl=9-1 git=1 $MORE nothing',
      'FROM alpine:3.20',
      'RUN ["apk", "add", "--no-cache", "curl=9-1"]',
      'FROM somebody/image:1',
      'RUN apt-get install -y vim',
      'FROM debian:latest@sha256:0',
      'RUN npm i x@1.2.3',
    ].join('\n'),
  );
  assert.deepEqual(
    left.map(({ problem }) => problem),
    ['no such package', 'the name of the base somebody/image:1 says no suite of Debian'],
  );
  assert.deepEqual(asked[0], { kind: 'apt', name: 'curl', suite: 'bookworm' });
  assert.deepEqual(asked[2], { kind: 'apk', name: 'curl', branch: 'v3.20' });
});

test('the names of images say which packages they have', () => {
  const suites = [
    'debian:12',
    'docker.io/library/debian:12.5-slim',
    'node:22-bookworm-slim',
    'debian:testing',
    'debian',
    'ubuntu:24.04',
  ];
  assert.deepEqual(suites.map(debianSuiteOf), ['bookworm', 'bookworm', 'bookworm', 'testing', undefined, undefined]);
  const branches = ['alpine:3.20.3', 'node:22-alpine3.21', 'alpine:edge', 'alpine', 'localhost:5000/alpine3.9'];
  assert.deepEqual(branches.map(alpineBranchOf), ['v3.20', 'v3.21', 'edge', undefined, undefined]);
});
