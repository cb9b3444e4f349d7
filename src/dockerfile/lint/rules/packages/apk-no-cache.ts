import { hasMountAt, hasOption } from '../../look.ts';
import { addOption } from '../../options.ts';
import { APK, packageCalls } from '../../packages.ts';
import type { LintRule } from '../../rule.ts';

export const apkNoCache: LintRule = {
  id: 'apk-no-cache',
  aliases: ['DL3019', 'DS-0025'],
  topic: 'packages',
  severity: 'info',
  title: 'apk add keeps no index',
  why: '`apk add --no-cache` fetches the index, uses it and keeps nothing; without it the index stays in /var/cache/apk, in the layer. A cache mount at that place does as well.',
  bad: 'FROM alpine:3.22\nRUN apk add curl',
  good: 'FROM alpine:3.22\nRUN apk add --no-cache curl',
  fix: 'safe',
  changes: 'The index is not in the image.',
  *check(file) {
    for (const call of packageCalls(file, APK, 'add')) {
      const { invocation, step, script, verb } = call;
      if (hasOption(invocation.args, '--no-cache') || hasMountAt(step, '/var/cache/apk', '/etc/apk/cache')) continue;
      if (
        script.invocations.some(
          ({ name, args }) => name === 'rm' && args.some(({ text }) => text.startsWith('/var/cache/apk')),
        )
      )
        continue;
      yield addOption(call, verb, '--no-cache', 'the index of the packages stays in the layer', 'caches');
    }
  },
};
