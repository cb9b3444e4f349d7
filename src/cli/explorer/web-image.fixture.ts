import { fromText } from '../../base/index.ts';
import { type Exploration, explore } from '../../explore/index.ts';
import { partsOf } from '../../explore/parts.fixture.ts';
import type { TarOfEntry } from '../../../tests/support/tar-of.ts';

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\n';
const RELEASE = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n';

const LAYERS: readonly (readonly TarOfEntry[])[] = [
  [
    { path: 'etc/os-release', content: RELEASE, mode: 0o644 },
    { path: 'etc/motd', content: 'welcome\n', mode: 0o644 },
    { path: 'etc/passwd', content: PASSWD, mode: 0o644 },
    { path: 'usr/bin/tool', content: Buffer.alloc(100_000, 0x90), mode: 0o755 },
    { path: 'usr/bin/su', content: 'su', mode: 0o4755 },
    { path: 'var/lib/apt/lists/big', content: 'Package: x\n'.repeat(5000), mode: 0o644 },
  ],
  [
    { path: 'etc/passwd', content: `${PASSWD}daemon:x:1:1:daemon:/:/bin/false\n`, mode: 0o644 },
    { path: 'var/lib/apt/lists/.wh.big' },
  ],
  [
    { path: 'srv/index.html', content: '<h1>hello</h1>\n', mode: 0o644 },
    { path: 'srv/img/logo.png', content: Buffer.alloc(3000, 0xff), mode: 0o644 },
    { path: 'srv/img/\u001B[2Jx\n', content: 'x', mode: 0o644 },
    { path: fromText('srv/日本.txt'), content: 'x', mode: 0o644 },
  ],
  [{ path: 'srv/.wh.img' }, { path: 'etc/motd', content: 'welcome\n', mode: 0o600 }],
];

/** A small real image, for whole programs that show one. It is gone with what it was made of when it is disposed. */
export function webExploration(): Exploration {
  const instructions = ['FROM debian:12', 'RUN adduser daemon', 'COPY site /srv', 'RUN rm -r /srv/img'];
  return explore(
    partsOf(LAYERS, {
      history: instructions.map((createdBy) => ({ createdBy, comment: '', created: undefined, isEmptyLayer: false })),
    }),
  );
}
