import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { collect } from '../../base/index.ts';
import { chooseMirror, parseAptSources } from '../debian/apt-sources.ts';
import { readHostAptSources } from '../debian/host-sources.ts';
import { DEBIAN_ARCHIVE_KEYS } from '../debian/keyring.ts';
import { HttpFetcher } from '../fetch.ts';
import { verifyCleartext } from './cleartext.ts';
import { parseKeyring } from './keyring.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const missing = !existsSync(KEYRING)
  ? "Debian's keyring package is not installed"
  : spawnSync('gpgv', ['--version']).status === 0
    ? false
    : 'gpgv is not installed';

test('the built-in keyring says of its keys what the keyring package says', { skip: missing }, () => {
  const system = new Map(parseKeyring(readFileSync(KEYRING), KEYRING).keys.map((key) => [key.fingerprint, key]));
  const carried = parseKeyring(Buffer.from(DEBIAN_ARCHIVE_KEYS), 'built-in').keys;
  assert.equal(carried.length, 10);
  for (const key of carried) {
    const { owner, expiresAt, revoked } = system.get(key.fingerprint) ?? {};
    assert.deepEqual(
      { owner, expiresAt, revoked },
      { owner: key.owner, expiresAt: key.expiresAt, revoked: key.revoked },
    );
  }
});

for (const suite of ['bookworm', 'trixie', 'sid']) {
  test(
    `verifyCleartext() judges the InRelease of ${suite} and changed ones as gpgv does`,
    { skip: missing },
    async (t) => {
      const mirror = chooseMirror({
        option: undefined,
        configured: process.env['SHALE_MIRROR_DEBIAN'],
        sources: parseAptSources(await readHostAptSources()),
      });
      const fetcher = new HttpFetcher({ userAgent: 'shale-test' });
      const url = `${mirror}/dists/${suite}/InRelease`;
      let signed: Buffer;
      try {
        signed = await collect(await fetcher.fetch(url, undefined), 8_000_000, url);
      } catch (error) {
        t.skip(`the mirror is not reachable: ${String(error)}`);
        return;
      }
      const folder = mkdtempSync(join(tmpdir(), 'shale-gpgv-'));
      try {
        const ring = parseKeyring(readFileSync(KEYRING), KEYRING);
        const text = signed.toString('latin1');
        const changes: readonly (readonly [string, boolean])[] = [
          [text, true],
          [text.replace('Codename: ', 'Codename:  '), false],
          [text.replace(/^ [0-9a-f]/m, (found) => (found === ' 0' ? ' 1' : ' 0')), false],
          [text.replace('\nDate: ', '\nDate: Mon, '), false],
          [text.replace(/(\nSHA256:)/, ' $1'), true],
        ];
        for (const [changed, good] of changes) {
          const file = join(folder, 'InRelease');
          writeFileSync(file, changed, 'latin1');
          const peer = spawnSync('gpgv', ['--homedir', folder, '--keyring', KEYRING, file]).status === 0;
          let ours = true;
          try {
            const { signers } = verifyCleartext(Buffer.from(changed, 'latin1'), ring, new Date(), 'InRelease');
            assert.ok(signers.length >= 2);
          } catch {
            ours = false;
          }
          assert.deepEqual({ ours, peer }, { ours: good, peer: good });
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
}
