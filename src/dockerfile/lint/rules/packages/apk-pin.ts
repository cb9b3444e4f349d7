import { APK, packageCalls } from '../../packages.ts';
import { unpinned } from '../../pinning.ts';
import type { LintRule } from '../../rule.ts';

export const apkPin: LintRule = {
  id: 'apk-pin',
  aliases: ['DL3018'],
  topic: 'packages',
  severity: 'warning',
  title: 'packages of apk have a version',
  why: 'Without a version the newest one is installed, so that the same file gives another image next month. `pkg=1.2-r0` is one version, `pkg~1.2` any that begins so.',
  bad: 'FROM alpine:3.22\nRUN apk add --no-cache curl',
  good: 'FROM alpine:3.22\nRUN apk add --no-cache curl=8.14.1-r2',
  fix: 'pin',
  *check(file) {
    for (const call of packageCalls(file, APK, 'add')) {
      yield* unpinned(call, 'apk', (text) => /[=<>~]/.test(text) || text.endsWith('.apk') || text.startsWith('.'), '=');
    }
  },
};
