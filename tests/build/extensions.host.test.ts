/** The extensions of the language in whole builds. */
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';

describe('extensions of the language', { skip: cannotRun || BUSYBOX.missing }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
  });
  after(() => lab[Symbol.asyncDispose]());

  test('an extended Dockerfile builds: INCLUDE, optional files, heredocs that stop, steps that always run', async () => {
    const context = lab.context({
      'there.txt': 'there',
      'folder/in.txt': 'in',
      'build/Dockerfile': [
        '# shale:extensions',
        'ARG KIND=tools',
        'INCLUDE ../parts/base.df',
        'COPY --if-exists there.txt missing.txt folder nowhere/ /app/',
        'INCLUDE ../parts/${KIND}.df',
        'RUN --no-cache cat /proc/sys/kernel/random/uuid > /uuid',
      ].join('\n'),
      'parts/base.df': 'FROM busybox\nENV OLD=1\nUNSET ENV OLD\n',
      'parts/tools.df': 'RUN <<E\ntest -z "$OLD"\necho tools > /kind\nE\n',
    });
    const dockerfile = { kind: 'file', path: join(context, 'build/Dockerfile') } as const;
    const first = await lab.build(context, { dockerfile });
    const tree = await lab.tree(first.imageId);
    assert.deepEqual(
      ['app/there.txt', 'app/in.txt', 'app/missing.txt', 'kind'].map((path) => tree.has(path)),
      [true, true, false, true],
    );
    const again = await lab.build(context, { dockerfile });
    const runs = again.steps.filter(({ name }) => name.includes('RUN'));
    assert.deepEqual(
      runs.map(({ cached }) => cached),
      [true, false],
    );
    assert.notDeepEqual(await lab.read(again.imageId, 'uuid'), await lab.read(first.imageId, 'uuid'));
  });

  test('COPY --if-exists of nothing at all is no fault', async () => {
    const dockerfile = '# shale:extensions\nFROM busybox\nCOPY --if-exists a b /x/\nRUN echo done > /done\n';
    const { imageId } = await lab.build({ dockerfile });
    assert.equal((await lab.read(imageId, 'done')).toString(), 'done\n');
  });

  test('a failing command of a heredoc ends the build, at its lines in the included file', async () => {
    const context = lab.context({
      Dockerfile: '# shale:extensions\nFROM busybox\nINCLUDE more.df\n',
      'more.df': '# about\nRUN <<E\nfalse\necho not reached\nE\n',
    });
    await assert.rejects(lab.build(context), (error: { data?: { excerpt?: Record<string, unknown> } }) => {
      const { file, firstLine, lastLine } = error.data?.excerpt ?? {};
      assert.deepEqual([file, firstLine, lastLine], ['more.df', 2, 5]);
      return true;
    });
  });

  test('SQUASH makes one layer of a range, and what was removed in it is in none', async () => {
    const lines = ['RUN echo a > /gone', 'RUN rm /gone', 'RUN echo b > /kept'];
    const text = (range: readonly string[]): string => ['# shale:extensions', 'FROM busybox', ...range].join('\n');
    const apart = await lab.build({ dockerfile: text(lines) });
    const squashed = await lab.build({ dockerfile: text(['SQUASH BEGIN', ...lines, 'SQUASH END']) });
    const paths = async (imageId: string): Promise<string[]> => [...(await lab.tree(imageId)).keys()];
    assert.deepEqual(await paths(squashed.imageId), await paths(apart.imageId));
    const layers = async (imageId: string): Promise<number> => (await lab.stack(imageId)).layers.length;
    assert.deepEqual([await layers(apart.imageId), await layers(squashed.imageId)], [4, 2]);
    assert.equal((await lab.read(squashed.imageId, 'kept')).toString(), 'b\n');
  });

  test('INCLUDE stays within the context, links too', async () => {
    const context = lab.context({ Dockerfile: '# shale:extensions\nFROM busybox\nINCLUDE ../../etc/passwd\n' });
    await assert.rejects(lab.build(context), { code: 'INCLUDE_OUTSIDE' });
    const linked = lab.context({ Dockerfile: '# shale:extensions\nFROM busybox\nINCLUDE link.df\n' });
    symlinkSync('/etc/passwd', join(linked, 'link.df'));
    await assert.rejects(lab.build(linked), { code: 'CONTEXT_FILE_INVALID' });
  });
});
