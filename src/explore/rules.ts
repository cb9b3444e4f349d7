import type { ByteString } from '../base/index.ts';
import type { LintRuleLink, WasteCause, WasteWeight } from './types.ts';

/** What a cause of waste means to people, and which rules of `shale lint` mend it. */
export interface CauseFacts {
  readonly weight: WasteWeight;
  readonly meaning: string;
  readonly rules: readonly string[];
}

export const CAUSES: Readonly<Record<WasteCause, CauseFacts>> = {
  deleted: {
    weight: 'lost',
    meaning: 'a later layer deletes them, and the image keeps them nevertheless',
    rules: ['layer-delete-no-gain'],
  },
  overwritten: {
    weight: 'lost',
    meaning: 'a later layer has other files in their place',
    rules: ['merge-runs'],
  },
  metadata: {
    weight: 'lost',
    meaning: 'copied into a later layer for another owner, mode or attribute',
    rules: ['chown-doubles'],
  },
  rewritten: {
    weight: 'lost',
    meaning: 'written once more in a later layer, just the same',
    rules: ['chown-doubles'],
  },
  duplicate: {
    weight: 'avoidable',
    meaning: 'the same content is in the image under another name',
    rules: [],
  },
  'package-cache': {
    weight: 'avoidable',
    meaning: 'downloads and indexes of package managers, which nothing needs when a container runs',
    rules: ['apt-clean-lists', 'apk-no-cache', 'dnf-clean', 'yum-clean', 'zypper-clean', 'pip-no-cache', 'yarn-clean'],
  },
  temporary: { weight: 'avoidable', meaning: 'temporary files and logs of the build', rules: [] },
  'version-control': {
    weight: 'avoidable',
    meaning: 'the history of a repository',
    rules: ['copy-too-much'],
  },
  documentation: { weight: 'optional', meaning: 'manual pages and other documentation', rules: [] },
  locales: { weight: 'optional', meaning: 'translations and locales', rules: [] },
  development: {
    weight: 'optional',
    meaning: 'headers, static libraries and debug symbols, which programs need to be built and not to run',
    rules: [],
  },
};

/** Titles of the rules that causes name; a test holds them to those of the rules. */
const TITLES: Readonly<Record<string, string>> = {
  'apk-no-cache': 'apk add keeps no index',
  'apt-clean-lists': 'the package lists go in the step that fetched them',
  'chown-doubles': 'COPY gives files their owner and mode, not a RUN below it',
  'copy-too-much': 'COPY takes no folders that change by themselves or are not needed',
  'dnf-clean': 'the cache of dnf goes in the step that filled it',
  'layer-delete-no-gain': 'what a step leaves behind is deleted in that step',
  'merge-runs': 'steps that belong together are one RUN',
  'pip-no-cache': 'pip install keeps no cache',
  'yarn-clean': 'the cache of yarn goes in the step that filled it',
  'yum-clean': 'the cache of yum goes in the step that filled it',
  'zypper-clean': 'the cache of zypper goes in the step that filled it',
};

export function ruleLink(id: string): LintRuleLink {
  return { id, title: TITLES[id] ?? '' };
}

/** Rules about what lies at a path, before those of the cause. */
const BY_PATH: readonly (readonly [path: RegExp, rule: string])[] = [
  [/^var\/(?:lib\/apt\/lists|cache\/apt)(?:\/|$)/, 'apt-clean-lists'],
  [/^(?:var\/cache|etc)\/apk(?:\/|$)/, 'apk-no-cache'],
  [/^var\/cache\/(?:lib)?dnf/, 'dnf-clean'],
  [/^var\/cache\/yum(?:\/|$)/, 'yum-clean'],
  [/^var\/cache\/zypp(?:\/|$)/, 'zypper-clean'],
  [/(?:^|\/)\.cache\/pip(?:\/|$)/, 'pip-no-cache'],
  [/(?:^|\/)(?:\.cache\/yarn|\.yarn\/cache|usr\/local\/share\/\.cache)(?:\/|$)/, 'yarn-clean'],
];

/** The rule of `shale lint` that would have kept this waste out of its layer. */
export function ruleOf(cause: WasteCause, path: ByteString): LintRuleLink | undefined {
  const byPath = cause === 'package-cache' || cause === 'deleted' ? BY_PATH.find(([at]) => at.test(path)) : undefined;
  const id = byPath?.[1] ?? (cause === 'package-cache' ? undefined : CAUSES[cause].rules[0]);
  return id === undefined ? undefined : ruleLink(id);
}
