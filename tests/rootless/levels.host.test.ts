import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BUSYBOX } from '../support/lab.ts';
import { cannotVisit, OrdinaryUser } from '../support/ordinary-user.ts';

const skip = cannotVisit() || BUSYBOX.missing;

interface Report {
  readonly level: string;
  readonly findings: readonly { readonly name: string; readonly status: string; readonly fix?: string }[];
}

async function doctor(user: OrdinaryUser): Promise<Report> {
  return JSON.parse(await user.done('doctor', '--format', 'json')) as Report; // Its shape is tested where it is made.
}

function statusOf({ findings }: Report, name: string): string | undefined {
  return findings.find((one) => one.name === name)?.status;
}

describe('privilege levels', { skip }, () => {
  test('subordinate ids give all of a user namespace', async () => {
    using user = await new OrdinaryUser().withBusybox();
    const report = await doctor(user);
    assert.equal(report.level, 'user namespace');
    assert.deepEqual(
      ['user namespaces', 'subordinate ids', 'uidmap'].map((name) => statusOf(report, name)),
      ['ok', 'ok', 'ok'],
    );
  });

  test('without subordinate ids what needs one owner works, and chown says why it does not', async () => {
    using user = await new OrdinaryUser({ subordinateIds: false }).withBusybox();
    const report = await doctor(user);
    assert.equal(report.level, 'user namespace');
    assert.equal(statusOf(report, 'subordinate ids'), 'limited');
    const context = user.context({ Dockerfile: 'FROM busybox\nRUN echo a > /a && ls -ln /a\nRUN chown 5 /a\n' });
    const { status, stderr } = await user.shale('build', '--network=none', context);
    assert.equal(status, 1);
    assert.match(stderr, /RUN echo a > \/a[^]*DONE/);
    assert.match(stderr, /try: .*one id.*shale doctor/);
    const foreign = user.context({ Dockerfile: 'FROM busybox\nCOPY --chown=7 Dockerfile /\nRUN true\n' });
    const refused = await user.shale('build', '--network=none', foreign);
    assert.match(refused.stderr, /belongs to 7:7, which this user namespace does not have/);
  });

  test('a root that may not mount gets a user namespace with all of its ids', async () => {
    using user = new OrdinaryUser({ asRoot: true });
    const env = { SHALE_HOME: `${user.folder}/store`, SHALE_RUN: `${user.folder}/run` };
    const shale = async (...words: string[]): ReturnType<OrdinaryUser['run']> =>
      user.run([OrdinaryUser.program, ...words], { env });
    assert.equal((await shale('import', '-c', 'ENV PATH=/bin', BUSYBOX.path, 'busybox')).status, 0);
    const report = JSON.parse((await shale('doctor', '--format', 'json')).stdout) as Report;
    assert.equal(report.level, 'user namespace');
    assert.equal(statusOf(report, 'privileges'), 'limited');
    const context = user.context({ Dockerfile: 'FROM busybox\nRUN echo a > /a && chown 1000000:5 /a && ls -ln /a\n' });
    const { status, stderr } = await shale('build', '--network=none', context);
    assert.equal(status, 0, stderr);
    assert.match(stderr, / 1000000 +5 /);
  });

  test('where no user namespace can be made, builds without RUN work and the rest says why', async () => {
    using user = await new OrdinaryUser().withBusybox();
    const plain = async (...words: string[]): ReturnType<OrdinaryUser['run']> =>
      // Uid 0 of a namespace that may have none below, and may not mount: a container under a filter of system calls.
      user.run([
        'unshare',
        '--user',
        '--map-root-user',
        'sh',
        '-c',
        'echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-sys_admin --inh-caps=-all "$@"',
        'sh',
        'env',
        `SHALE_HOME=${user.store}`,
        `SHALE_RUN=${user.runRoot}`,
        OrdinaryUser.program,
        ...words,
      ]);
    assert.equal((JSON.parse((await plain('doctor', '--format', 'json')).stdout) as Report).level, 'plain');
    const copies = user.context({ Dockerfile: 'FROM busybox\nCOPY Dockerfile /here\n' });
    const built = await plain('build', '-q', copies);
    assert.equal(built.status, 0, built.stderr);
    assert.equal(await user.done('build', '-q', copies), built.stdout.trim());
    const runs = user.context({ Dockerfile: 'FROM busybox\nRUN true\n' });
    for (const words of [
      ['build', runs],
      ['run', '--rm', 'busybox', 'true'],
    ]) {
      const { status, stderr } = await plain(...words);
      assert.notEqual(status, 0);
      assert.match(
        stderr,
        /containers and RUN steps need root or a user namespace: no user namespace can be made here/,
      );
      assert.match(stderr, /try: shale doctor/);
    }
  });
});
