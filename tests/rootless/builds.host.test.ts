import assert from 'node:assert/strict';
import { createWriteStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describe, test } from 'node:test';
import { ALPINE, Lab } from '../support/lab.ts';
import { compareLeaks, takeLeakSnapshot } from '../support/leaks.ts';
import { cannotVisit, OrdinaryUser } from '../support/ordinary-user.ts';
import { tarOf } from '../support/tar-of.ts';

const skip = cannotVisit() || ALPINE.missing;

/** net_bind_service, permitted (capability.h, VFS_CAP_REVISION_2). */
const CAPABILITY = Buffer.from('0100000200040000000000000000000000000000', 'hex');

const DOCKERFILE = `FROM alpine
ADD files.tar /
COPY --chown=1234:60000 --chmod=4750 note /note
RUN adduser -D -u 1234 bob && mkdir -p /srv/x && echo 1 > /srv/x/f && chown bob:bob /srv/x/f && chmod 4755 /srv/x/f \
 && ln /srv/x/f /srv/x/g && mkfifo /srv/pipe && chown 60000:60000 /srv/pipe && ln -s /nowhere /srv/link
RUN rm -rf /opt/old && mkdir /opt/old && echo c > /opt/old/c && rm /etc/motd && mkdir -m 0700 /own && echo s > /own/s \
 && chown -R bob /own && chmod 710 /opt/capped && chmod 711 /opt/noted && chmod 4700 /opt/theirs
USER bob
RUN echo mine > ~/mine && chmod 600 ~/mine && id -u > ~/id
USER root
RUN --mount=type=cache,target=/c echo x > /c/y && chown bob /c/y && mv /srv /srv2 && rm -r /home/bob && cat /proc/self/uid_map
RUN --network=host test -d /sys/class/net && touch /done
`;

describe('a build without root', { skip }, () => {
  test('gives the image that root gets: owners, modes, links, whiteouts, xattrs, file capabilities', async () => {
    using user = new OrdinaryUser();
    await using lab = await Lab.open();
    const before = takeLeakSnapshot(user.folder);
    await lab.importRootfs(ALPINE.path, 'alpine:latest');
    const context = user.context({
      Dockerfile: DOCKERFILE,
      note: 'noted',
      'files.tar': tarOf([
        { path: 'opt/capped', content: 'x', xattrs: { 'security.capability': CAPABILITY } },
        { path: 'opt/noted', content: 'x', xattrs: { 'user.note': Buffer.from('kept') } },
        { path: 'opt/theirs', content: 'x', uid: 4000, gid: 5000, mode: 0o4755 },
        { path: 'opt/old/a', content: 'a' },
      ]),
    });
    const root = await lab.build(context, { allow: ['network.host'] });

    const archive = join(user.folder, 'alpine.tar');
    const watch = { signal: AbortSignal.timeout(60_000) };
    await pipeline(lab.engine.save({ images: ['alpine'], format: 'docker' }, watch), createWriteStream(archive));
    await user.done('load', '--input', archive);
    const { status, stdout, stderr } = await user.shale(
      'build',
      '--network=none',
      '--allow=network.host',
      '-q',
      context,
    );
    assert.equal(status, 0, stderr);
    assert.equal(stdout.trim(), root.imageId);

    // What containers and unpacked layers hold belongs to subordinate ids; all of it can be removed.
    assert.equal(existsSync(join(user.store, 'trees')), true);
    await user.done('system', 'prune', '--all', '--force');
    await user.done('system', 'reset', '--force');
    assert.deepEqual(user.processes(), []);
    assert.deepEqual(compareLeaks(before, takeLeakSnapshot(user.folder)), []);
  });
});
