/** RUN for another machine, through an emulator that the kernel knows. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { debianFile } from '../support/debian-tools.ts';
import { cannotRun } from '../support/lab.ts';

const SHALE = join(import.meta.dirname, '../../bin/shale');
const BINFMT = '/proc/sys/fs/binfmt_misc';
/** binfmt_misc: programs of arm64, by the first bytes of an ELF file; O, C and F as Debian's package has them. */
const MAGIC = String.raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
const MASK = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;
const GREETING = 'hello from arm64\n';

interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

/**
 * Runs a shell script in a user namespace that has nearly all ids of the host and a binfmt_misc of its own (Linux ≥ 6.7):
 * what is registered there, nobody else sees, and it is gone with the script.
 */
async function inOwnNamespaces(script: string, env: Readonly<Record<string, string>>): Promise<Outcome> {
  const inner = 'read go; exec unshare -m -p -f --mount-proc -n -i -u -C sh -ec "$1"';
  const child = spawn('unshare', ['-U', 'sh', '-c', inner, 'sh', `mount -t binfmt_misc none ${BINFMT}\n${script}`], {
    env: { ...process.env, ...env },
  });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  // unshare makes the namespace after it has started, and the shell waits for its ids.
  for (let tries = 0; tries < 500; tries++) {
    try {
      for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${child.pid}/${map}`, '0 0 4294967290');
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  child.stdin.end('go\n');
  const [status] = (await once(child, 'close')) as [number | null]; // As node:child_process says.
  return { status, output: (await output).join('') };
}

/** A program of arm64 that greets and ends: an ELF header, one segment, eight instructions and the text. */
function greeter(): Buffer {
  const code = [
    0xd2800020, // mov x0, 1
    0x100000e1, // adr x1, text: 28 bytes on
    0xd2800002 + (GREETING.length << 5), // mov x2, length
    0xd2800808, // mov x8, 64: write
    0xd4000001, // svc 0
    0xd2800000, // mov x0, 0
    0xd2800ba8, // mov x8, 93: exit
    0xd4000001, // svc 0
  ];
  const base = 0x400000n;
  const start = 64 + 56;
  const size = start + code.length * 4 + GREETING.length;
  const file = Buffer.alloc(size);
  file.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  file.writeUInt16LE(2, 16); // executable
  file.writeUInt16LE(183, 18); // AArch64
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(base + BigInt(start), 24); // entry
  file.writeBigUInt64LE(64n, 32); // program headers
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64); // PT_LOAD
  file.writeUInt32LE(5, 68); // readable, executable
  file.writeBigUInt64LE(base, 80);
  file.writeBigUInt64LE(base, 88);
  file.writeBigUInt64LE(BigInt(size), 96);
  file.writeBigUInt64LE(BigInt(size), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  for (const [i, word] of code.entries()) file.writeUInt32LE(word, start + i * 4);
  file.write(GREETING, start + code.length * 4, 'latin1');
  return file;
}

describe(
  'a foreign architecture',
  { skip: cannotRun || (process.arch !== 'x64' && 'the emulator is for x86-64') },
  () => {
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'shale-emulation-'));
      const program = join(folder, 'greet');
      writeFileSync(program, greeter());
      chmodSync(program, 0o755);
      writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY greet /greet\nRUN ["/greet"]\n');
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    const BUILD = 'exec "$SHALE" build --progress plain --network none --platform linux/arm64 "$FOLDER"';
    const environment = (): Record<string, string> => ({
      SHALE,
      FOLDER: folder,
      SHALE_HOME: join(folder, 'home'),
      SHALE_RUN: join(folder, 'run'),
    });

    test('RUN runs through an emulator that the kernel keeps open, and is refused without one', async (t) => {
      const emulator = debianFile('bookworm', 'qemu-user-static', 'usr/bin/qemu-aarch64-static');
      if (emulator === undefined) return t.skip('qemu-user-static cannot be fetched');
      if ((await inOwnNamespaces('true', {})).status !== 0)
        return t.skip('the kernel has no binfmt_misc in namespaces');

      const refused = await inOwnNamespaces(BUILD, environment());
      assert.equal(refused.status, 1, refused.output);
      assert.match(refused.output, /RUN needs to run programs for linux\/arm64, and this machine runs linux\/amd64/);

      const register = (flags: string): string =>
        `printf '%s' ':greet:M::${MAGIC}:${MASK}:${emulator}:${flags}' > ${BINFMT}/register\n${BUILD}`;
      const unkept = await inOwnNamespaces(register('OC'), environment());
      assert.match(unkept.output, /qemu-aarch64-static is registered for it, but without the flag F/);

      const ran = await inOwnNamespaces(register('OCF'), environment());
      assert.equal(ran.status, 0, ran.output);
      assert.match(ran.output, /hello from arm64/);
      assert.equal(existsSync(BINFMT) && readdirSync(BINFMT).includes('greet'), false, 'the host knows nothing of it');
    });
  },
);
