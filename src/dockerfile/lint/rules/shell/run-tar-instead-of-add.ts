import type { Invocation } from '../../../shell/script.ts';
import type { LintRule } from '../../rule.ts';

const ARCHIVE = /([^/\s]+\.(?:tar|tar\.(?:gz|bz2|xz)|tgz|tbz2?|txz))["']?$/i;

export const runTarInsteadOfAdd: LintRule = {
  id: 'run-tar-instead-of-add',
  aliases: ['DL3010'],
  topic: 'shell',
  severity: 'info',
  title: 'ADD unpacks an archive of the context, not COPY and tar',
  why: 'Copied and then unpacked, the archive stays in a layer beside what was in it, also when it is deleted afterwards. ADD unpacks it on its way in.',
  bad: 'FROM debian:12\nCOPY app.tar.gz /tmp/\nRUN tar -xzf /tmp/app.tar.gz -C /opt',
  good: 'FROM debian:12\nADD app.tar.gz /opt/',
  fix: 'none',
  *check({ steps }) {
    for (const [index, { instruction, stage }] of steps.entries()) {
      if (instruction?.kind !== 'copy' || instruction.from !== undefined) continue;
      for (const word of instruction.sources) {
        const destination = ARCHIVE.exec(instruction.destination.text)?.[1];
        const name = ARCHIVE.exec(word.text)?.[1];
        if (name === undefined) continue;
        const isUnpacked = steps
          .slice(index + 1)
          .some(
            (step) =>
              step.stage === stage &&
              step.script?.invocations.some((invocation) => unpacks(invocation, destination ?? name)),
          );
        if (isUnpacked) yield { message: `${name} stays in the layer beside what is unpacked from it`, span: word };
      }
    }
  },
};

function unpacks({ name, args }: Invocation, archive: string): boolean {
  if (name !== 'tar' && name !== 'bsdtar') return false;
  const isExtract = args.some(
    ({ text }, index) =>
      /^--(?:extract|get)$/.test(text) || (/^-?[a-zA-Z]*x/.test(text) && (index === 0 || text.startsWith('-'))),
  );
  return (
    isExtract &&
    args.some(
      ({ text }) =>
        text === archive ||
        text.endsWith(`/${archive}`) ||
        (/\*/.test(text) && text.endsWith(archive.slice(archive.lastIndexOf('.')))),
    )
  );
}
