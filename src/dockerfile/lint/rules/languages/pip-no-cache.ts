import type { Script } from '../../../shell/script.ts';
import { hasMountAt, hasOption } from '../../look.ts';
import { addOption } from '../../options.ts';
import { PIP, packageCalls } from '../../packages.ts';
import type { LintRule } from '../../rule.ts';

export const pipNoCache: LintRule = {
  id: 'pip-no-cache',
  aliases: ['DL3042'],
  topic: 'languages',
  severity: 'info',
  title: 'pip install keeps no cache',
  why: 'pip keeps what it has downloaded and built in ~/.cache/pip, where nobody looks again: in the layer it is as large as what was installed. A cache mount at that place does as well.',
  bad: 'FROM debian:12\nRUN pip install flask==3.1.0',
  good: 'FROM debian:12\nRUN pip install --no-cache-dir flask==3.1.0',
  fix: 'safe',
  changes: 'The cache is not in the image.',
  *check(file) {
    for (const call of packageCalls(file, PIP, 'install', 'wheel')) {
      const { invocation, step, script, verb } = call;
      if (hasOption(invocation.args, '--no-cache-dir') || hasMountAt(step, '/root/.cache', '/root/.cache/pip'))
        continue;
      // The official images of Python and others say so for all of their children.
      if (/^(?:1|true|on|yes|off|0|false)$/i.test(step.before.variables.get('PIP_NO_CACHE_DIR') ?? '')) continue;
      if (invocation.assignments.has('PIP_NO_CACHE_DIR')) continue;
      if (isUnset(script)) continue;
      yield addOption(call, verb, '--no-cache-dir', 'what pip has downloaded stays in the layer', 'caches');
    }
  },
};

function isUnset({ invocations }: Script): boolean {
  return invocations.some(
    ({ name, args }) =>
      (name === 'pip' && args[0]?.text === 'cache' && args[1]?.text === 'purge') ||
      (name === 'export' && args.some(({ text }) => text.startsWith('PIP_NO_CACHE_DIR='))) ||
      (name === 'rm' && args.some(({ text }) => /\.cache(?:\/pip)?(?:\/|$)/.test(text))),
  );
}
