import { type Fix, replacement } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const envSelfReference: LintRule = {
  id: 'env-self-reference',
  aliases: ['DL3044'],
  topic: 'variables',
  severity: 'error',
  title: 'ENV does not use a variable that the same ENV sets',
  why: 'All values of one ENV are worked out before any is set: a variable that the same instruction sets has its old value, or none.',
  bad: 'FROM debian:12\nENV ROOT=/opt BIN=$ROOT/bin',
  good: 'FROM debian:12\nENV ROOT=/opt\nENV BIN=$ROOT/bin',
  fix: 'unsafe',
  changes: 'The variable gets the value that was meant.',
  *check(file) {
    for (const { node, instruction, before, isTrigger } of file.steps) {
      if (instruction?.kind !== 'env') continue;
      const set = new Set<string>();
      for (const { name, value, delimiter } of instruction.pairs) {
        const used = [...set, ...(delimiter === '=' ? [name.text] : [])].find(
          (one) =>
            !before.variables.has(one) && !before.environment.has(one) && one !== 'PATH' && uses(value.text, one),
        );
        if (used !== undefined) {
          const gap = /[ \t]*$/.exec(file.dockerfile.source.text.slice(0, name.start))?.[0].length ?? 0;
          const text = `\n${node.keyword.text} `;
          const isSplit = used !== name.text && !isTrigger && node.firstLine === node.lastLine;
          const edits = [replacement({ start: name.start - gap, end: name.start }, text)];
          const fix: Fix = { title: 'set it in an ENV of its own', safety: 'unsafe', effect: 'config', edits };
          yield {
            message: `$${used} has no value yet where ${name.text} is set`,
            span: name,
            // The base image may have set it.
            ...(used === name.text ? { severity: 'info' as const } : {}),
            ...(isSplit ? { fix } : {}),
          };
        }
        set.add(name.text);
      }
    }
  },
};

function uses(value: string, name: string): boolean {
  if (!value.includes('$') || !value.includes(name) || !/^\w+$/.test(name)) return false;
  return new RegExp(`(?<!\\\\)\\$(?:${name}(?!\\w)|\\{${name}\\W)`).test(value.replace(/^'[^']*'$/, ''));
}
