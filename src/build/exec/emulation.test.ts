import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { requireRunnable } from './emulation.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };

/** What the kernel shows for an emulator of arm64. */
const QEMU_ARM64 = {
  magic: '7f454c460201010000000000000000000200b700',
  mask: 'ffffffffffffff00fffffffffffffffffeffffff',
};

function entry(state: 'enabled' | 'disabled', flags: string, { magic, mask } = QEMU_ARM64): string {
  return `${state}\ninterpreter /usr/bin/qemu-aarch64-static\nflags: ${flags}\noffset 0\nmagic ${magic}\nmask ${mask}\n`;
}

function withEntries(entries: Readonly<Record<string, string>>, work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'shale-binfmt-'));
  try {
    for (const [name, text] of Object.entries({ status: 'enabled\n', register: '', ...entries }))
      writeFileSync(join(folder, name), text);
    work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('requireRunnable()', () => {
  test('takes what the processor runs by itself', () => {
    withEntries({}, (folder) => {
      requireRunnable(AMD64, AMD64, folder);
      requireRunnable({ os: 'linux', architecture: '386' }, AMD64, folder);
      requireRunnable({ ...AMD64, variant: 'v3' }, AMD64, folder);
    });
  });

  test('takes an architecture whose emulator the kernel keeps open', () => {
    withEntries({ 'qemu-aarch64': entry('enabled', 'OCF') }, (folder) => {
      requireRunnable(ARM64, AMD64, folder);
      assert.throws(() => requireRunnable({ os: 'linux', architecture: 'riscv64' }, AMD64, folder), {
        code: 'PLATFORM_NOT_RUNNABLE',
      });
    });
  });

  test('says what is missing: no emulator, one that is switched off, one without the flag F', () => {
    const refused = (entries: Readonly<Record<string, string>>, message: RegExp): void =>
      withEntries(entries, (folder) =>
        assert.throws(() => requireRunnable(ARM64, AMD64, folder), { code: 'PLATFORM_NOT_RUNNABLE', message }),
      );
    refused({}, /^RUN needs to run programs for linux\/arm64, and this machine runs linux\/amd64$/);
    refused({ 'qemu-aarch64': entry('disabled', 'OCF') }, /linux\/amd64$/);
    refused(
      { 'qemu-aarch64': entry('enabled', 'OC') },
      /qemu-aarch64-static is registered for it, but without the flag F/,
    );
  });

  test('takes no emulator for another system, and none where the kernel shows none', () => {
    const windows = { os: 'windows', architecture: 'amd64' };
    withEntries({ any: entry('enabled', 'F', { magic: '7f', mask: 'ff' }) }, (folder) => {
      assert.throws(() => requireRunnable(windows, AMD64, folder), { code: 'PLATFORM_NOT_RUNNABLE' });
      assert.throws(() => requireRunnable(ARM64, AMD64, join(folder, 'absent')), { code: 'PLATFORM_NOT_RUNNABLE' });
    });
  });
});
