import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDockerfile } from '../syntax/dockerfile.ts';
import { refuseForeignFrontend } from './foreign.ts';

test('refuseForeignFrontend() takes docker/dockerfile of any version and mirror', () => {
  const names =
    'docker/dockerfile docker/dockerfile:1 docker.io/docker/dockerfile:1.4-labs docker/dockerfile-upstream:master';
  const mirrored = 'mirror.test:5000/docker/dockerfile:1 mirror.test/hub/docker/dockerfile:1@sha256:abc';
  for (const name of `${names} ${mirrored}`.split(' ')) {
    refuseForeignFrontend(parseDockerfile(`# syntax=${name}\nFROM a`));
    refuseForeignFrontend(parseDockerfile('# syntax=other/frontend\nFROM a'), { BUILDKIT_SYNTAX: name });
  }
  refuseForeignFrontend(parseDockerfile('FROM a'));
});

test('refuseForeignFrontend() refuses other frontends with what to do', () => {
  for (const text of [
    '# syntax=other/frontend:1\nFROM a',
    '//syntax=x\nFROM a',
    '# syntax=evil/notdocker/dockerfilex\nFROM a',
  ]) {
    assert.throws(() => refuseForeignFrontend(parseDockerfile(text, 'web/Dockerfile')), {
      code: 'FRONTEND_FOREIGN',
      message: /^web\/Dockerfile asks for the frontend .+, and shale runs none$/,
      hint: /docker\/dockerfile:1/,
    });
  }
  assert.throws(() => refuseForeignFrontend(parseDockerfile('FROM a'), { BUILDKIT_SYNTAX: 'x/y' }), {
    message: /the build argument BUILDKIT_SYNTAX/,
  });
});
