import type { LintFile } from '../../file.ts';
import { type Fix, replacement } from '../../fix.ts';
import { usesOf } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const numericUser: LintRule = {
  id: 'numeric-user',
  aliases: ['DL3066'],
  topic: 'image',
  severity: 'info',
  title: 'USER is a number',
  why: 'An orchestrator that refuses containers of root (`runAsNonRoot`) looks at the config only: of a name it cannot say whether it is root, and does not start the container.',
  bad: 'FROM debian:12\nRUN useradd -u 1001 app\nUSER app',
  good: 'FROM debian:12\nRUN useradd -u 1001 app\nUSER 1001',
  fix: 'unsafe',
  changes: 'The config has the number. The group is root where it was that of the user.',
  *check(file) {
    const user = file.stages.at(-1)?.after.user;
    if (user === undefined || /^["']?(?:\d|root(?::|$)|\$)/.test(user.text)) return;
    const [name = ''] = user.text.split(':');
    const id = idOf(file, name);
    const edits =
      id === undefined ? [] : [replacement({ start: user.word.start, end: user.word.start + name.length }, id)];
    const fix: Fix = { title: `write ${id}`, safety: 'unsafe', effect: 'config', edits };
    yield {
      message: `whether ${name} is root cannot be said without the image`,
      span: user.word,
      ...(edits.length === 0 ? {} : { fix }),
    };
  },
};

/** The number with which the file makes that user. */
function idOf(file: LintFile, user: string): string | undefined {
  for (const { invocation } of usesOf(file, 'useradd', 'adduser')) {
    const words = invocation.args.map(({ text }) => text);
    const at = words.findIndex((text) => text === '-u' || text === '--uid');
    const id = at === -1 ? /--uid=(\d+)/.exec(words.join(' '))?.[1] : words[at + 1];
    if (words.includes(user) && id !== undefined && /^\d+$/.test(id)) return id;
  }
  return undefined;
}
