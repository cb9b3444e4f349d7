import type { LintRule } from '../../rule.ts';

export const untrustedRegistry: LintRule = {
  id: 'untrusted-registry',
  aliases: ['DL3026'],
  topic: 'bases',
  severity: 'error',
  title: 'images come from registries that are trusted',
  why: 'What a base image holds runs with everything else. The setting `trusted-registries` lists where images may come from; without it the rule says nothing.',
  bad: 'FROM quay.io/some/image:1',
  good: 'FROM registry.example.com/some/image:1',
  settings: { trustedRegistries: ['registry.example.com'] },
  fix: 'none',
  *check({ stages, settings: { trustedRegistries } }) {
    if (trustedRegistries.length === 0) return;
    for (const { from, base, baseText } of stages) {
      if (from === undefined || base !== undefined || baseText.toLowerCase() === 'scratch' || baseText.startsWith('$'))
        continue;
      const registry = registryOf(baseText);
      if (trustedRegistries.some((pattern) => isMatch(registry, pattern))) continue;
      yield { message: `${registry} is none of the trusted registries`, span: from.base };
    }
  },
};

function registryOf(name: string): string {
  const [first = '', ...rest] = name.split('/');
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost') ? first : 'docker.io';
}

function isMatch(registry: string, pattern: string): boolean {
  if (pattern === '*' || registry === pattern) return true;
  if (pattern.startsWith('*')) return registry.endsWith(pattern.slice(1));
  if (pattern.endsWith('*')) return registry.startsWith(pattern.slice(0, -1));
  return registry === 'docker.io' && (pattern === 'hub.docker.com' || pattern === 'index.docker.io');
}
