import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { chooseMirror, parseAptSources, readHostAptSources } from '../../src/bases/index.ts';
import { debianFile } from '../../tests/support/debian-tools.ts';
import type { Command, Row, Workload } from '../types.ts';

/** The mirror that shale takes, so that both fetch the same packages. */
export const mirror: string = chooseMirror({
  option: undefined,
  configured: process.env['SHALE_MIRROR_DEBIAN'],
  sources: parseAptSources(await readHostAptSources()),
});
const ANY_DATE = 'Acquire::Check-Valid-Until "false"';

const SUITE = 'stable';

/** A Debian base image from the distribution's packages, downloads included, beside the programs that Debian has for it. */
export const base: Workload = {
  name: 'base-debian',
  rows({ scratch }) {
    const row = (
      name: string,
      peer: { readonly title: string; readonly goal: string; readonly command: Command },
    ): Row => ({
      name,
      title: 'base image of Debian stable',
      warmups: 0,
      rounds: 5,
      limit: peer.command,
      limitTitle: peer.title,
      goal: peer.goal,
      prepare: (contender) =>
        contender === 'limit'
          ? rmSync(join(scratch, name), { force: true, recursive: true })
          : contender.forget('bench/debian'),
      command: (contender) => contender.base('bench/debian'),
    });
    const mmdebstrap = ['mmdebstrap', '--quiet', '--variant=minbase', `--aptopt=${ANY_DATE}`, SUITE];
    const debootstrap = findDebootstrap(join(scratch, 'base-debian-debootstrap'));
    return [
      row('base-debian', {
        title: 'mmdebstrap --variant=minbase',
        goal: '≤ 0.5 × mmdebstrap',
        command: { args: [...mmdebstrap, join(scratch, 'base-debian'), '--format=tar', `deb ${mirror} ${SUITE} main`] },
      }),
      ...(debootstrap === undefined
        ? []
        : [
            row('base-debian-debootstrap', {
              title: 'debootstrap --variant=minbase',
              goal: '≤ 0.5 × debootstrap',
              command: debootstrap,
            }),
          ]),
    ];
  },
};

/** This machine's, or that of its release's package; a script, which mounts. It makes a folder, not a tar. */
function findDebootstrap(target: string): Command | undefined {
  const file = debianFile('bookworm', 'debootstrap', 'usr/sbin/debootstrap');
  if (file === undefined) return undefined;
  return {
    args: ['unshare', '--mount', 'sh', file, '--variant=minbase', SUITE, target, mirror],
    env: { DEBOOTSTRAP_DIR: join(dirname(file), '../share/debootstrap') },
  };
}
