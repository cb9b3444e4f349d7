import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { agentOfKeys, serveAgent } from './agent.ts';
import { parsePrivateKey } from './keys.ts';

const run = promisify(execFile);
const skip = ['ssh-keygen', 'ssh-add'].some((name) => spawnSync(name, ['-?']).error !== undefined)
  ? 'ssh-keygen and ssh-add are not installed'
  : false;

/** `ssh-keygen -t`, with what it is told besides. */
const TYPES = {
  ed25519: [],
  rsa: ['-b', '2048'],
  ecdsa: ['-b', '256'],
  'ecdsa-384': ['-b', '384'],
  'ecdsa-521': ['-b', '521'],
  'rsa-pem': ['-b', '2048', '-m', 'PEM'],
  'ecdsa-pem': ['-b', '384', '-m', 'PKCS8'],
} as const;

describe('keys of OpenSSH in an agent of ours', { skip }, () => {
  test('ssh-add lists them, and ssh-keygen signs with them through it', { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'shale-ssh-'));
    try {
      mkdirSync(join(folder, 'public'));
      const keys = [];
      for (const [name, words] of Object.entries(TYPES)) {
        const type = name.replace(/-.*/, '');
        const path = join(folder, name);
        await run('ssh-keygen', ['-q', '-t', type, ...words, '-N', '', '-C', `me@${name}`, '-f', path]);
        keys.push(parsePrivateKey(readFileSync(path, 'utf8'), path));
        // Away with the private key: whoever signs now has it from the agent.
        writeFileSync(join(folder, 'public', `${name}.pub`), readFileSync(`${path}.pub`));
        rmSync(path);
      }
      const path = join(folder, 's');
      const { uid, gid } =
        process.getuid === undefined ? { uid: 0, gid: 0 } : { uid: process.getuid(), gid: process.getgid?.() ?? 0 };
      await using _server = await serveAgent(agentOfKeys(keys), { path, mode: 0o600, uid, gid });
      const options = { cwd: folder, env: { ...process.env, SSH_AUTH_SOCK: path } };
      const listed = (await run('ssh-add', ['-L'], options)).stdout.trim().split('\n');
      for (const [i, name] of Object.keys(TYPES).entries()) {
        const publicFile = join('public', `${name}.pub`);
        const [type, blob] = readFileSync(join(folder, publicFile), 'utf8').split(' ');
        assert.ok(listed[i]?.startsWith(`${type} ${blob} `), name);
        // Asks the agent for a signature and checks it.
        await run('ssh-add', ['-T', publicFile], options);
        const message = `message-${name}`;
        writeFileSync(join(folder, message), name);
        await run('ssh-keygen', ['-q', '-Y', 'sign', '-n', 'file', '-f', publicFile, message], options);
        writeFileSync(join(folder, 'signers'), `me ${type} ${blob}\n`);
        const check = spawnSync(
          'ssh-keygen',
          ['-Y', 'verify', '-n', 'file', '-I', 'me', '-f', 'signers', '-s', `${message}.sig`],
          { ...options, input: name },
        );
        assert.equal(check.status, 0, check.stderr.toString());
      }
      await assert.rejects(run('ssh-add', ['-D'], options), 'keys cannot be taken away');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
