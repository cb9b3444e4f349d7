import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { publishInto } from '../support/published.ts';

describe('the published package', () => {
  let folder: string;
  const shale = (...words: string[]): { stdout: string; stderr: string; status: number | null } =>
    spawnSync(join(folder, 'bin/shale'), words, {
      encoding: 'utf8',
      cwd: folder,
      env: {
        PATH: `${join(process.execPath, '..')}:${process.env['PATH']}`,
        HOME: folder,
        SHALE_HOME: join(folder, 'home'),
        SHALE_RUN: join(folder, 'run'),
      },
    });

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'shale-bundle-'));
    publishInto(folder);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('the published package starts, with every command in it', () => {
    assert.match(shale('version').stdout, /^shale \d+\.\d+\.\d+ \(Node /);
    assert.match(shale('help', 'build').stdout, /^usage: shale build/);
    assert.match(shale('__complete', 'sys').stdout, /^system\t/);
    assert.match(shale('config').stdout, /^SETTING/);
    assert.match(shale('doctor').stdout, /^level: /);
  });

  test('starting the published package loads nothing that only some commands need', () => {
    const list = "process.on('exit', () => process.stderr.write(process.moduleLoadList.join('\\n')))";
    writeFileSync(join(folder, 'list.cjs'), list);
    const env = { HOME: folder, SHALE_HOME: join(folder, 'home'), SHALE_RUN: join(folder, 'run') };
    const dear = /NativeModule (crypto|http|https|zlib|child_process|sqlite|worker_threads|tls)$/;
    const loadedBy = (...words: string[]): string[] => {
      const program = ['--require', join(folder, 'list.cjs'), join(folder, 'bin/shale'), ...words];
      const { stdout, stderr, status } = spawnSync(process.execPath, program, { encoding: 'utf8', env });
      assert.equal(status, 0, stderr);
      assert.match(stdout, /^(?:shale |REPOSITORY|CONTAINER ID)/);
      return stderr.split('\n').filter((line) => dear.test(line));
    };
    assert.deepEqual(loadedBy('version'), []);
    // With a store, and what it takes to start containers.
    assert.deepEqual(loadedBy('images'), ['NativeModule sqlite']);
    assert.deepEqual(loadedBy('ps'), ['NativeModule sqlite']);
  });

  test('commands of the published package read only the files of their part', () => {
    const list = "process.on('exit', () => process.stderr.write(Object.keys(require.cache).join('\\n')))";
    writeFileSync(join(folder, 'files.cjs'), list);
    const filesOf = (...words: string[]): string[] => {
      const program = ['--require', join(folder, 'files.cjs'), join(folder, 'bin/shale'), ...words];
      const env = { HOME: folder, SHALE_HOME: join(folder, 'home'), SHALE_RUN: join(folder, 'run') };
      const { stderr } = spawnSync(process.execPath, program, { encoding: 'utf8', env });
      return [...stderr.matchAll(/dist\/([\w-]+)\.cjs$/gm)].map(([, name = '']) => name);
    };
    const start = filesOf('--version');
    assert.ok(start.includes('shale') && !start.includes('store'), start.join(' '));
    const images = filesOf('images');
    assert.ok(
      images.includes('store') && !images.includes('build') && !images.includes('containers'),
      images.join(' '),
    );
    const ps = filesOf('ps');
    assert.ok(ps.includes('containers') && !ps.includes('build'), ps.join(' '));
  });

  test('the published package opens a store, imports, and builds without RUN', () => {
    mkdirSync(join(folder, 'context'));
    writeFileSync(join(folder, 'context/Dockerfile'), 'FROM scratch\nCOPY Dockerfile /copied\n');
    const built = shale('build', '-q', '-t', 'made', 'context');
    assert.equal(built.status, 0, built.stderr);
    assert.match(built.stdout, /^sha256:[0-9a-f]{64}\n$/);
    assert.match(shale('images').stdout, /^made +latest /m);
    assert.equal(shale('save', '-o', 'made.tar', 'made').status, 0);
    assert.match(shale('load', '-i', 'made.tar').stdout, /^Loaded image: /);
  });

  test('the published package has the page of shale explore, and not what it is made of', () => {
    const { stdout, stderr } = shale('explore', '--html', '-', 'made');
    assert.match(stdout, /^<!doctype html>[^]*<title>made – [^]*id="embedded"[^]*<script>'use strict';/, stderr);
    assert.equal(existsSync(join(folder, 'ui')), false);
  });
});
