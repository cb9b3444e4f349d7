/** One build for several platforms, and layers made one. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { streamOf } from '../../src/base/index.ts';
import { formatPlatform, hostPlatform } from '../../src/oci/index.ts';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';
import { checkLayout } from '../support/oci-layout.ts';

const HOST = formatPlatform(hostPlatform());
/** Nobody runs its programs without an emulator, and hardly anybody has one for it. */
const FOREIGN = 'linux/mips64le';
const watch = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(60_000) });

describe('several platforms', { skip: BUSYBOX.missing }, () => {
  let lab: Lab;
  let both: string;
  before(async () => {
    lab = await Lab.open();
    const base = lab.context({ Dockerfile: 'FROM scratch\nADD root.tar.gz /\nENV PATH=/bin\n' });
    writeFileSync(join(base, 'root.tar.gz'), readFileSync(BUSYBOX.path));
    both = (await lab.build(base, { tags: ['both:1'], platforms: [HOST, FOREIGN] })).imageId;
  });
  after(() => lab[Symbol.asyncDispose]());

  const line = async (name: string) =>
    (await lab.engine.images({ all: false })).filter(({ tag }) => tag?.repository === name);

  test('one name leads to all of them: in the list, in inspect, in tag and in rmi', async () => {
    const [row] = await line('both');
    assert.equal(row?.id, both);
    assert.deepEqual(row.platforms, [HOST, FOREIGN]);
    const inspected = await lab.engine.inspect('both:1', 'image');
    assert.equal(inspected['Architecture'], hostPlatform().architecture);
    assert.match(JSON.stringify(inspected['Shale']), new RegExp(`"Platform":"${FOREIGN}"`));
    const listed = (await lab.engine.images({ all: false })).filter(({ tag }) => tag === undefined);
    assert.deepEqual(listed, [], 'the images of a set have no lines of their own');
    assert.equal((await lab.engine.images({ all: true })).filter(({ tag }) => tag === undefined).length, 2);

    await lab.engine.tag('both:1', 'other:1');
    assert.deepEqual(await lab.engine.removeImage('other:1', { force: false }), [
      { kind: 'untagged', name: 'other:1' },
    ]);
    await assert.rejects(lab.engine.removeImage(String(inspected['Id']), { force: false }), { code: 'IMAGE_IN_USE' });

    const made = await lab.build(
      { dockerfile: 'FROM both:1\nLABEL a=b\n' },
      { tags: ['gone'], platforms: [HOST, FOREIGN] },
    );
    const removed = await lab.engine.removeImage('gone', { force: false });
    assert.deepEqual(
      removed.map(({ kind }) => kind),
      ['untagged', 'deleted', 'deleted', 'deleted'],
    );
    assert.equal(removed[1]?.name, made.imageId);
    assert.equal((await lab.engine.check({ full: true, repair: false }, watch())).findings.length, 0);
  });

  test('save writes an index of them, and load takes it in as the same one', async () => {
    const parts: Uint8Array[] = [];
    for await (const part of lab.engine.save({ images: ['both:1'], format: 'oci' }, watch()))
      parts.push(Buffer.from(part));
    const archive = Buffer.concat(parts);
    const folder = lab.newFolder();
    execFileSync('tar', ['-xf', '-', '-C', folder], { input: archive });
    assert.deepEqual(checkLayout(folder), []);
    await using other = await Lab.open();
    assert.deepEqual(await other.engine.load(streamOf(archive), watch()), [{ imageId: both, tags: ['both:1'] }]);
    assert.deepEqual((await other.engine.images({ all: false }))[0]?.platforms, [HOST, FOREIGN]);
  });

  test('docker’s archive holds all of them for us, and the one of this machine for docker', async () => {
    const parts: Uint8Array[] = [];
    for await (const part of lab.engine.save({ images: ['both:1'], format: 'docker' }, watch()))
      parts.push(Buffer.from(part));
    const archive = Buffer.concat(parts);
    await using other = await Lab.open();
    assert.deepEqual(await other.engine.load(streamOf(archive), watch()), [{ imageId: both, tags: ['both:1'] }]);
    const listed = execFileSync('tar', ['-xOf', '-', 'manifest.json'], { input: archive, encoding: 'utf8' });
    const { Id } = await lab.engine.inspect('both:1', 'image');
    assert.deepEqual(
      (JSON.parse(listed) as { Config: string; RepoTags: string[] }[]).map(({ Config, RepoTags }) => [
        Config.slice(-64),
        RepoTags,
      ]),
      [[String(Id).slice(-64), ['both:1']]],
    );
  });

  test('--platform chooses one of them for inspect and save, and names those that there are', async () => {
    const { Id } = await lab.engine.inspect('both:1', 'image', { platform: FOREIGN });
    assert.equal((await lab.engine.inspect(String(Id), 'image'))['Architecture'], 'mips64le');
    await assert.rejects(lab.engine.inspect('both:1', 'image', { platform: 'linux/s390x' }), {
      code: 'PLATFORM_UNKNOWN',
      hint: `it has ${HOST}, ${FOREIGN}`,
    });
    const parts: Uint8Array[] = [];
    const request = { images: ['both:1'], format: 'docker', platform: FOREIGN } as const;
    for await (const part of lab.engine.save(request, watch())) parts.push(Buffer.from(part));
    await using other = await Lab.open();
    assert.deepEqual(await other.engine.load(streamOf(Buffer.concat(parts)), watch()), [
      { imageId: Id, tags: ['both:1'] },
    ]);
  });

  test('every stage knows its platforms: the build’s own, the target, and what FROM says', async () => {
    const context = lab.context({
      Dockerfile: [
        'FROM --platform=$BUILDPLATFORM both:1 AS tool',
        'ARG BUILDPLATFORM TARGETPLATFORM TARGETARCH',
        'COPY <<-EOF /said',
        '\t$BUILDPLATFORM for $TARGETPLATFORM, $TARGETARCH',
        'EOF',
        `FROM --platform=${FOREIGN} both:1 AS fixed`,
        'ARG TARGETOS',
        'COPY <<EOF /fixed',
        '$TARGETOS',
        'EOF',
        'FROM both:1',
        'COPY --from=tool /said /',
        'COPY --from=fixed /fixed /',
        '',
      ].join('\n'),
    });
    const folder = lab.newFolder();
    const built = await lab.build(context, {
      platforms: [HOST, FOREIGN],
      outputs: [{ kind: 'local', folder, mode: 'copy' }],
    });
    const said = (platform: string): string =>
      readFileSync(join(folder, platform.replaceAll('/', '_'), 'said'), 'utf8');
    assert.equal(said(HOST), `${HOST} for ${HOST}, ${hostPlatform().architecture}\n`);
    assert.equal(said(FOREIGN), `${HOST} for ${FOREIGN}, mips64le\n`);
    const fixed = built.steps.filter(({ name }) => name.startsWith(`[${FOREIGN} fixed`));
    assert.equal(fixed.length, 2, 'what both platforms share is done once: FROM and COPY');
  });

  test('RUN for a machine that nobody plays is refused by name, and a stage that only copies is built', async () => {
    await assert.rejects(lab.build({ dockerfile: 'FROM both:1\nRUN true\n' }, { platforms: [FOREIGN] }), {
      code: 'PLATFORM_NOT_RUNNABLE',
      message: new RegExp(`RUN needs to run programs for ${FOREIGN}, and this machine runs ${HOST}`),
    });
    const copied = await lab.build(
      { dockerfile: 'FROM both:1\nCOPY <<EOF /f\nx\nEOF\nWORKDIR /w\n' },
      { platforms: [FOREIGN] },
    );
    assert.equal((await lab.engine.inspect(copied.imageId, 'image'))['Architecture'], 'mips64le');
  });

  test('FROM takes the image of its platform out of the set, and says which ones there are', async () => {
    await assert.rejects(lab.build({ dockerfile: 'FROM both:1\n' }, { platforms: ['linux/s390x'] }), {
      code: 'BASE_IMAGE_PLATFORM',
    });
  });

  test('the epoch is one for all platforms, and the same build gives the same set', async () => {
    const dockerfile = 'FROM both:1\nCOPY <<EOF /f\nx\nEOF\n';
    const first = await lab.build({ dockerfile }, { platforms: [HOST, FOREIGN] });
    const again = await lab.build({ dockerfile }, { platforms: [HOST, FOREIGN], noCache: true });
    assert.equal(again.imageId, first.imageId);
    const alone = await lab.build({ dockerfile }, { platforms: [FOREIGN] });
    assert.match(JSON.stringify(await lab.engine.inspect(first.imageId, 'image')), new RegExp(alone.imageId));
  });

  test('files of several platforms over each other must not clash', async () => {
    const folder = lab.newFolder();
    const output = { kind: 'local', folder, mode: 'copy', platformSplit: false } as const;
    const dockerfile = 'FROM scratch\nARG TARGETARCH\nCOPY <<EOF /d/${TARGETARCH}\nx\nEOF\n';
    await lab.build({ dockerfile }, { platforms: [HOST, FOREIGN], outputs: [output] });
    assert.equal(readFileSync(join(folder, 'd/mips64le'), 'utf8'), 'x\n');
    const same = 'FROM scratch\nCOPY <<EOF /same\nx\nEOF\n';
    await assert.rejects(lab.build({ dockerfile: same }, { platforms: [HOST, FOREIGN], outputs: [output] }), {
      code: 'OUTPUT_CONFLICT',
    });
  });

  test('a docker archive cannot hold several platforms, which is said before anything runs', async () => {
    const to = { kind: 'file', path: join(lab.newFolder(), 'x.tar') } as const;
    const outputs = [{ kind: 'archive', format: 'docker', to, names: [] }] as const;
    await assert.rejects(lab.build({ dockerfile: 'FROM both:1\n' }, { platforms: [HOST, FOREIGN], outputs }), {
      code: 'OUTPUT_UNSUPPORTED',
    });
  });

  test('--no-cache-filter runs the steps of a stage again, and warns of a name that is none', async () => {
    const dockerfile =
      'FROM both:1 AS a\nCOPY <<EOF /a\nx\nEOF\nFROM both:1 AS b\nCOPY <<EOF /b\nx\nEOF\nCOPY --from=a /a /a2\n';
    await lab.build({ dockerfile });
    const built = await lab.build({ dockerfile }, { noCacheStages: ['A', 'none'] });
    const ran = built.steps.filter(({ name, cached }) => !cached && name.includes('COPY')).map(({ name }) => name);
    assert.deepEqual(ran, ['[a 2/2] COPY <<EOF /a']);
    const warnings = built.events.flatMap((event) => (event.kind === 'warning' ? [event.message] : []));
    assert.match(warnings.join(), /--no-cache-filter names "none", which is no stage/);
  });
});

describe('--squash', { skip: cannotRun || BUSYBOX.missing }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(() => lab[Symbol.asyncDispose]());

  const DOCKERFILE = [
    'FROM busybox AS first',
    'RUN mkdir -p /d/old && echo 1 > /d/old/f && echo x > /tmp/gone && ln /d/old/f /d/hard && mkfifo /d/pipe',
    'FROM first',
    'RUN rm -r /d/old /tmp/gone /bin/vi && mkdir /d/old && echo 2 > /d/old/g && chmod 1700 /d && chown 3:4 /d/hard',
    'COPY <<EOF /d/new',
    'text',
    'EOF',
    'LABEL a=b',
    '',
  ].join('\n');

  test('makes one layer above the base image, and the container sees the same files', async () => {
    const plain = await lab.build({ dockerfile: DOCKERFILE }, { tags: ['plain'] });
    const squashed = await lab.build({ dockerfile: DOCKERFILE }, { tags: ['squashed'], squash: true });
    assert.equal((await lab.stack(plain.imageId)).layers.length, 4);
    assert.equal((await lab.stack(squashed.imageId)).layers.length, 2);
    const seen = async (tag: string): Promise<string[]> => {
      // Sizes and link counts of directories are the file system's own.
      const list = [
        "find / -xdev -type d ! -path '/proc*' ! -path '/sys*' ! -path '/dev*' ! -path '/list' ! -path / -exec stat -c '%n %F %a %u:%g %Y' {} +",
        "find / -xdev ! -type d ! -path '/dev*' ! -path '/etc/*' ! -path '/list/*' -exec stat -c '%n %F %a %u:%g %Y %s %h %N' {} +",
        'cat /d/old/g /d/new /d/hard',
      ].join(' && ');
      const { imageId } = await lab.build({ dockerfile: `FROM ${tag}\nRUN mkdir -p /list && (${list}) > /list/all\n` });
      return (await lab.read(imageId, '/list/all')).toString().split('\n').toSorted();
    };
    const [ours, theirs] = [await seen('squashed'), await seen('plain')];
    assert.deepEqual(symmetricDifference(ours, theirs), []);
    assert.equal(
      ours.some((line) => line.startsWith('/bin/sh ')) && !ours.some((line) => line.startsWith('/bin/vi ')),
      true,
    );
    const history = await lab.engine.history('squashed');
    assert.equal(history[0]?.createdBy, 'SQUASH');
    assert.equal(history.filter(({ sizeBytes }) => sizeBytes > 0).length, 2);
    assert.deepEqual(await lab.config('squashed'), await lab.config('plain'));
  });

  test('is cached, gives the same image again, and leaves an image without layers of its own alone', async () => {
    const first = await lab.build({ dockerfile: DOCKERFILE }, { squash: true });
    assert.equal(
      first.steps.every(({ cached, name }) => cached || name.includes('FROM')),
      true,
    );
    const again = await lab.build({ dockerfile: DOCKERFILE }, { squash: true, noCache: true });
    assert.equal(again.imageId, first.imageId);
    const bare = await lab.build({ dockerfile: 'FROM busybox\nLABEL a=b\n' }, { squash: true });
    assert.equal((await lab.stack(bare.imageId)).layers.length, 1);
  });
});

/** What only one of two lists has: short where trees are large. */
function symmetricDifference(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set(a).symmetricDifference(new Set(b))];
}
