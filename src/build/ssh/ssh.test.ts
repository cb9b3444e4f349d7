import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, verify, type JsonWebKey, type KeyObject } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { isShaleError } from '../../base/index.ts';
import { agentAt, agentOfKeys, serveAgent, type SshAgent } from './agent.ts';
import { parsePrivateKey, type AgentKey } from './keys.ts';
import { mpint, SshReader, sshString, uint32 } from './wire.ts';

const DATA = Buffer.from('to be signed');

interface Kind {
  readonly name: string;
  readonly make: () => { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
  readonly type: string;
  /** Flags of the request → algorithm of the signature and its hash. */
  readonly signatures: readonly (readonly [flags: number, algorithm: string, hash: string | null])[];
}

const ec = (namedCurve: string) => (): ReturnType<Kind['make']> => generateKeyPairSync('ec', { namedCurve });
const KINDS: readonly Kind[] = [
  {
    name: 'Ed25519',
    make: () => generateKeyPairSync('ed25519'),
    type: 'ssh-ed25519',
    signatures: [[0, 'ssh-ed25519', null]],
  },
  {
    name: 'RSA',
    make: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    type: 'ssh-rsa',
    signatures: [
      [0, 'ssh-rsa', 'sha1'],
      [2, 'rsa-sha2-256', 'sha256'],
      [4, 'rsa-sha2-512', 'sha512'],
      [6, 'rsa-sha2-512', 'sha512'],
    ],
  },
  {
    name: 'ECDSA P-256',
    make: ec('P-256'),
    type: 'ecdsa-sha2-nistp256',
    signatures: [[0, 'ecdsa-sha2-nistp256', 'sha256']],
  },
  {
    name: 'ECDSA P-384',
    make: ec('P-384'),
    type: 'ecdsa-sha2-nistp384',
    signatures: [[0, 'ecdsa-sha2-nistp384', 'sha384']],
  },
  {
    name: 'ECDSA P-521',
    make: ec('P-521'),
    type: 'ecdsa-sha2-nistp521',
    signatures: [[0, 'ecdsa-sha2-nistp521', 'sha512']],
  },
];

/** The private part of OpenSSH's format, written independently of the reader. */
function openSsh(privateKey: KeyObject, type: string, cipher = 'none'): string {
  const jwk = privateKey.export({ format: 'jwk' });
  const bytes = (name: keyof JsonWebKey): Buffer => Buffer.from(String(jwk[name]), 'base64url');
  const fields =
    jwk.kty === 'RSA'
      ? (['n', 'e', 'd', 'qi', 'p', 'q'] as const).map((name) => mpint(bytes(name)))
      : jwk.kty === 'OKP'
        ? [sshString(bytes('x')), sshString(Buffer.concat([bytes('d'), bytes('x')]))]
        : [
            sshString(type.replace('ecdsa-sha2-', '')),
            sshString(Buffer.concat([Buffer.from([4]), bytes('x'), bytes('y')])),
            mpint(bytes('d')),
          ];
  const inner = Buffer.concat([
    uint32(7),
    uint32(7),
    sshString(type),
    ...fields,
    sshString('me@here'),
    Buffer.from([1]),
  ]);
  const outer = [sshString(cipher), sshString('none'), sshString(''), uint32(1), sshString(''), sshString(inner)];
  const text = Buffer.concat([Buffer.from('openssh-key-v1\0'), ...outer]).toString('base64');
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${text.replace(/.{70}/g, '$&\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

function pem(privateKey: KeyObject): string {
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

function assertSigns(key: AgentKey, publicKey: KeyObject, kind: Kind): void {
  for (const [flags, algorithm, hash] of kind.signatures) {
    const reader = new SshReader(key.sign(DATA, flags));
    assert.equal(reader.text(), algorithm);
    const signature = reader.string();
    if (!algorithm.startsWith('ecdsa')) {
      assert.ok(verify(hash, DATA, publicKey, signature), algorithm);
      continue;
    }
    const numbers = new SshReader(signature);
    const size = { sha256: 32, sha384: 48, sha512: 66 }[hash ?? ''] ?? 0;
    const parts = [numbers.magnitude(), numbers.magnitude()].map((part) =>
      Buffer.concat([Buffer.alloc(size - part.length), part]),
    );
    assert.ok(verify(hash, DATA, { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.concat(parts)), algorithm);
  }
}

describe('parsePrivateKey()', () => {
  for (const kind of KINDS) {
    test(`reads ${kind.name} in OpenSSH format and PEM, and signs with it`, () => {
      const { privateKey, publicKey } = kind.make();
      const key = parsePrivateKey(openSsh(privateKey, kind.type), 'file');
      assert.equal(key.comment, 'me@here');
      assert.equal(new SshReader(key.blob).text(), kind.type);
      assertSigns(key, publicKey, kind);
      const fromPem = parsePrivateKey(pem(privateKey), 'file');
      assert.deepEqual(fromPem.blob, key.blob);
      assert.equal(fromPem.comment, 'file');
      assertSigns(fromPem, createPublicKey(privateKey), kind);
    });
  }

  test('refuses keys with a passphrase, and says what to do', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const locked = { format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'hunter2' } as const;
    for (const text of [openSsh(privateKey, 'ssh-ed25519', 'aes256-ctr'), privateKey.export(locked).toString()])
      assert.throws(
        () => parsePrivateKey(text, 'id_x'),
        (error) =>
          isShaleError(error, 'SSH_KEY_ENCRYPTED') &&
          error.message.includes('id_x') &&
          /ssh-add/.test(error.hint ?? ''),
      );
  });

  test('F-221: refuses what is no key without quoting it', () => {
    const good = openSsh(generateKeyPairSync('ed25519').privateKey, 'ssh-ed25519');
    const cut = good.split('\n').toSpliced(2, 1).join('\n');
    const dsa = generateKeyPairSync('x25519').privateKey;
    for (const text of ['', 'hunter2', cut, good.slice(0, 80), pem(dsa), '-----BEGIN PRIVATE KEY-----\nhunter2\n'])
      assert.throws(
        () => parsePrivateKey(text, 'id_x'),
        (error) =>
          isShaleError(error, 'SSH_KEY_INVALID') && !error.message.includes('hunter2') && error.cause === undefined,
        text,
      );
  });
});

/** Sends messages to a socket, one after another, and gives the answers; undefined once it was hung up on. */
async function ask(path: string, ...messages: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
  const socket = connect(path);
  socket.on('error', () => {});
  const answers: (Buffer | undefined)[] = [];
  for (const message of messages) {
    socket.write(message);
    answers.push(
      await new Promise((resolve) => {
        let held: Buffer = Buffer.alloc(0);
        socket.on('data', (chunk: Buffer) => {
          held = Buffer.concat([held, chunk]);
          if (held.length >= 4 && held.length >= 4 + held.readUInt32BE()) resolve(held.subarray(4));
        });
        socket.once('close', () => resolve(undefined));
      }),
    );
    socket.removeAllListeners('data').removeAllListeners('close');
  }
  socket.destroy();
  return answers;
}

describe('an SSH agent of ours', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const key = parsePrivateKey(openSsh(privateKey, 'ssh-ed25519'), 'file');
  const list = sshString(Buffer.from([11]));
  const signRequest = (blob: Uint8Array): Buffer =>
    sshString(Buffer.concat([Buffer.from([13]), sshString(blob), sshString(DATA), uint32(0)]));

  async function serving(agent: SshAgent, work: (path: string) => Promise<void>): Promise<void> {
    // Longer than the path of a socket may be.
    const folder = mkdtempSync(join(tmpdir(), `shale-ssh-${'x'.repeat(100)}-`));
    try {
      await using _server = await serveAgent(agent, {
        path: join(folder, 's'),
        mode: 0o640,
        uid: process.getuid?.() ?? 0,
        gid: process.getgid?.() ?? 0,
      });
      await work(join(folder, 's'));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** The same socket by a path that is short enough. */
  async function near(path: string, work: (path: string) => Promise<void>): Promise<void> {
    const folder = openSync(dirname(path), 'r');
    try {
      await work(`/proc/self/fd/${folder}/s`);
    } finally {
      closeSync(folder);
    }
  }

  test('lists its keys, signs with them, and does nothing else', async () => {
    await serving(agentOfKeys([key]), async (path) => {
      assert.equal(statSync(path).mode & 0o777, 0o640);
      await near(path, async (socket) => {
        const other = sshString('other');
        const remove = sshString(Buffer.from([19]));
        const answers = await ask(socket, list, signRequest(key.blob), signRequest(other), remove, list);
        const listed = new SshReader(answers[0]?.subarray(1) ?? Buffer.alloc(0));
        assert.deepEqual([listed.uint32(), listed.string(), listed.text()], [1, key.blob, 'me@here']);
        const signed = new SshReader(new SshReader(answers[1]?.subarray(1) ?? Buffer.alloc(0)).string());
        assert.equal(signed.text(), 'ssh-ed25519');
        assert.ok(verify(null, DATA, publicKey, signed.string()));
        assert.deepEqual([answers[2], answers[3]], [Buffer.from([5]), Buffer.from([5])]);
        assert.deepEqual(answers[4], answers[0]);
      });
    });
  });

  test('hangs up on messages that are empty, too long or end early, and goes on serving others', async () => {
    await serving(agentOfKeys([key]), (path) =>
      near(path, async (socket) => {
        for (const bad of [uint32(0), uint32(300_000), sshString(Buffer.from([13, 0, 0, 1]))])
          assert.deepEqual(await ask(socket, bad), [undefined]);
        assert.equal((await ask(socket, list))[0]?.[0], 12);
      }),
    );
  });

  test('passes questions and signatures on to an agent of the user, and nothing that changes it', async () => {
    const seen: number[] = [];
    const theirs: SshAgent = {
      open: () => ({
        answer: async (message) => {
          seen.push(message[0] ?? 0);
          return Buffer.from([99]);
        },
        [Symbol.dispose]: () => {},
      }),
    };
    await serving(theirs, (upstream) =>
      serving(agentAt(upstream), (path) =>
        near(path, async (socket) => {
          const types = [11, 13, 17, 18, 19, 20, 21, 22, 23, 25, 26, 27];
          const answers = await ask(socket, ...types.map((type) => sshString(Buffer.from([type]))));
          assert.deepEqual(seen, [11, 13, 27]);
          assert.deepEqual(
            answers.map((answer) => answer?.[0]),
            [99, 99, 5, 5, 5, 5, 5, 5, 5, 5, 5, 99],
          );
        }),
      ),
    );
  });
});
