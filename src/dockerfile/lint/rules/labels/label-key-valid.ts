import { type Fix, replacement } from '../../fix.ts';
import { unquoted } from '../../label-values.ts';
import type { LintRule } from '../../rule.ts';

export const labelKeyValid: LintRule = {
  id: 'label-key-valid',
  aliases: ['DL3048'],
  topic: 'labels',
  severity: 'style',
  title: 'keys of labels are in lower case, with dots and dashes',
  why: "Docker's guidelines ask for keys of lower-case letters, digits, dots and dashes that begin with a letter and end with a letter or digit, and keep `com.docker.`, `io.docker.` and `org.dockerproject.` for docker itself. Tools look for keys in that form.",
  bad: 'FROM debian:12\nLABEL Maintainer="Ada"',
  good: 'FROM debian:12\nLABEL maintainer="Ada"',
  fix: 'unsafe',
  changes: 'The key in the config.',
  *check(file) {
    for (const { instruction } of file.steps) {
      if (instruction?.kind !== 'label') continue;
      for (const { name } of instruction.pairs) {
        const key = unquoted(name.text);
        if (key.includes('$')) continue;
        const span = { start: name.start, end: name.start + name.text.length };
        if (/^(?:com\.docker|io\.docker|org\.dockerproject)\./.test(key))
          yield { message: `${key} is in a namespace of docker's own`, span };
        else if (!isValid(key)) {
          const lower = key.toLowerCase();
          const fix: Fix = {
            title: `write ${lower}`,
            safety: 'unsafe',
            effect: 'config',
            edits: [replacement(span, lower)],
          };
          yield {
            message: `the key ${key} is not of lower-case letters, digits, dots and dashes`,
            span,
            ...(isValid(lower) && key === name.text ? { fix } : {}),
          };
        }
      }
    }
  },
};

function isValid(key: string): boolean {
  return /^[a-z](?:[a-z0-9.-]*[a-z0-9])?$/.test(key) && !/[.-]{2}/.test(key);
}
