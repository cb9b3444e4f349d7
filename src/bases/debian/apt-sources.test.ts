import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AptSourcesFile, chooseMirror, findHostMirrors, parseAptSources } from './apt-sources.ts';

const DEB822: AptSourcesFile = {
  path: '/etc/apt/sources.list.d/debian.sources',
  text: `Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: trixie-security
Components: main contrib

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main
`,
};
const OTHERS: AptSourcesFile = {
  path: '/etc/apt/sources.list.d/others.list',
  text: 'deb [arch=amd64 signed-by=/k.gpg] https://packages.example/deb trixie main\n# deb http://no.example/debian trixie main\n',
};

test('parseAptSources() reads both formats', () => {
  assert.deepEqual(
    parseAptSources([DEB822, OTHERS]).map(
      (each) => `${each.uri} ${each.suite} ${each.components.join(',')} ${each.signedBy ?? '-'}`,
    ),
    [
      'http://mirror.example/debian trixie main /usr/share/keyrings/debian-archive-keyring.gpg',
      'http://mirror.example/debian trixie-updates main /usr/share/keyrings/debian-archive-keyring.gpg',
      'http://mirror.example/debian-security trixie-security main,contrib -',
      'https://packages.example/deb trixie main /k.gpg',
    ],
  );
});

test('findHostMirrors() takes only the archives of Debian itself', () => {
  const sources = parseAptSources([OTHERS, DEB822]);
  assert.deepEqual(findHostMirrors(sources), {
    main: 'http://mirror.example/debian',
    security: 'http://mirror.example/debian-security',
  });
  assert.deepEqual(findHostMirrors(parseAptSources([OTHERS])), { main: undefined, security: undefined });
});

test('chooseMirror() takes the option, then the configuration, then the sources of the host', () => {
  const sources = parseAptSources([DEB822]);
  assert.equal(
    chooseMirror({ option: 'https://a.example/x/', configured: 'http://b.example', sources }),
    'https://a.example/x',
  );
  assert.equal(chooseMirror({ option: undefined, configured: 'http://b.example', sources }), 'http://b.example');
  assert.equal(chooseMirror({ option: undefined, configured: undefined, sources }), 'http://mirror.example/debian');
});

test('chooseMirror() says how to name a mirror where there is none, as on Ubuntu', () => {
  const ubuntu = {
    path: 'ubuntu.sources',
    text: 'Types: deb\nURIs: http://archive.example/ubuntu\nSuites: noble\nComponents: main\n',
  };
  assert.throws(() => chooseMirror({ option: undefined, configured: undefined, sources: parseAptSources([ubuntu]) }), {
    code: 'MIRROR_UNKNOWN',
    hint: /SHALE_MIRROR_DEBIAN/,
  });
  assert.throws(() => chooseMirror({ option: 'ftp://x/debian', configured: undefined, sources: [] }), {
    code: 'MIRROR_INVALID',
  });
});
