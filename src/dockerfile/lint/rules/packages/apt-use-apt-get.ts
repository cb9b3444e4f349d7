import { type Fix, replacement } from '../../fix.ts';
import { usesOf } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

export const aptUseAptGet: LintRule = {
  id: 'apt-use-apt-get',
  aliases: ['DL3027', 'CKV_DOCKER_9'],
  topic: 'packages',
  severity: 'warning',
  title: 'scripts call apt-get, not apt',
  why: '`apt` is made for people at a terminal: it says itself that its command line may change between releases, and warns of use in scripts. `apt-get` and `apt-cache` stay as they are.',
  bad: 'FROM debian:12\nRUN apt update',
  good: 'FROM debian:12\nRUN apt-get update',
  fix: 'safe',
  *check(file) {
    for (const { invocation } of usesOf(file, 'apt')) {
      const verb = invocation.args.find(({ text }) => !text.startsWith('-'))?.text ?? '';
      if (verb === '') continue;
      const isCache = /^(?:search|show|showpkg|policy|depends|rdepends|madison)$/.test(verb);
      const isGet =
        /^(?:update|install|remove|purge|autoremove|autoclean|clean|upgrade|download|source|build-dep|dist-upgrade|reinstall|satisfy)$/.test(
          verb,
        );
      const { word } = invocation;
      const isPlain = isGet && word.end - word.start === word.text.length && word.text === 'apt';
      const fix: Fix = {
        title: 'write apt-get',
        safety: 'safe',
        effect: 'none',
        edits: [replacement(word, 'apt-get')],
      };
      yield {
        message: `${isCache ? 'apt-cache' : 'apt-get'} is made for scripts, apt is not`,
        span: word,
        ...(isPlain ? { fix } : {}),
      };
    }
  },
};
