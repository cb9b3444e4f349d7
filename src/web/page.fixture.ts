/** Images that the page and its server are tried with: a few files, some of them with names and contents that mean harm. */
import { explore, type Exploration, type ExplorationComparison } from '../explore/index.ts';
import { partsOf } from '../explore/parts.fixture.ts';
import type { TarOfEntry } from '../../tests/support/tar-of.ts';

/** A name that would do something in a page that took it for HTML, turns text around, and is no UTF-8 at its end. */
export const HOSTILE_NAME = '<img src=x onerror=document.title=1>\u00e2\u0080\u00aetxt\u00ff';

const file = (path: string, content: string | Buffer, rest: Partial<TarOfEntry> = {}): TarOfEntry => ({
  path,
  mode: 0o644,
  content,
  ...rest,
});

/** Three layers: a base, changes of it, and removals; `more` files lie in `usr/share` beside. */
export function pageExploration(more = 0): Exploration {
  const many = Array.from({ length: more }, (_, place) =>
    file(`usr/share/${place % 30}/file-${place}`, 'x'.repeat(1 + (place % 40))),
  );
  return explore(
    partsOf(
      [
        [
          file('etc/hosts', '127.0.0.1 localhost\n'),
          file('etc/ssl/cert', 'old\n'),
          file('srv/secret', 'nobody should find this in a page\n'),
          file(`srv/${HOSTILE_NAME}`, '</script><script>document.title = "taken"</script>\n'),
          file('usr/bin/env', Buffer.alloc(40_000), { mode: 0o755 }),
          file('usr/bin/tiny', 'x', { mode: 0o755 }),
          ...many,
        ],
        [file('etc/ssl/cert', 'newer\n'), file('srv/app', Buffer.alloc(5000, 1))],
        [file('usr/bin/.wh.tiny', ''), file('etc/ssl/cert', 'newest\n')],
      ],
      {
        image: {
          name: 'registry.example/shop/web:1.4',
          id: `sha256:${'3f'.repeat(32)}`,
          digest: undefined,
          source: 'docker-archive',
          platform: 'linux/arm64',
          created: undefined,
          tags: [],
          bases: [],
          config: { User: '<b>root</b>' },
        },
      },
    ),
  );
}

/** Against another image. */
export const pageComparison: ExplorationComparison = {
  before: {
    name: 'web:1.3',
    id: `sha256:${'1a'.repeat(32)}`,
    layers: 2,
    tarBytes: 60_000_000,
    visibleBytes: 51_000_000,
    efficiency: 0.91,
  },
  after: {
    name: 'web:1.4',
    id: `sha256:${'3f'.repeat(32)}`,
    layers: 3,
    tarBytes: 85_000_000,
    visibleBytes: 60_000_000,
    efficiency: 0.72,
  },
  sharedLayers: 1,
  files: [
    { path: 'srv/app', kind: 'file', state: 'added', differs: [], beforeBytes: 0, afterBytes: 5000 },
    { path: 'etc/hosts', kind: 'file', state: 'modified', differs: ['content'], beforeBytes: 10, afterBytes: 20 },
    { path: 'usr/bin/old', kind: 'file', state: 'removed', differs: [], beforeBytes: 380_000, afterBytes: 0 },
  ],
  moreFiles: 12,
  totals: {
    added: { files: 8, bytes: 1_500_000 },
    removed: { files: 3, bytes: 400_000 },
    changed: { files: 4, bytes: 3000 },
    growth: 1_100_000,
  },
  packages: [
    {
      type: 'deb',
      name: 'curl',
      before: { version: '7.88.1-9', bytes: 268_000 },
      after: { version: '7.88.1-10', bytes: 270_000 },
    },
  ],
  config: [{ field: 'User', before: 'root', after: 'www' }],
  privileged: { added: [], removed: [] },
};
