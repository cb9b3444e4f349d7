import { argumentsOf } from '../../../syntax/tree.ts';
import type { LintRule } from '../../rule.ts';

export const duplicateStageName: LintRule = {
  id: 'duplicate-stage-name',
  aliases: ['DuplicateStageName', 'DL3024', 'DS-0012', 'CKV_DOCKER_11'],
  topic: 'stages',
  severity: 'error',
  title: 'no two stages have one name',
  why: 'A name that two stages have means the last one above the place of use, and as a target nobody can say which. What was meant to be copied from the first comes from the second.',
  bad: 'FROM golang:1.24 AS build\nFROM node:22 AS build',
  good: 'FROM golang:1.24 AS server\nFROM node:22 AS page',
  fix: 'none',
  *check({ stages }) {
    const seen = new Set<string>();
    for (const { name, node } of stages) {
      if (name !== '' && seen.has(name)) {
        yield { message: `another stage is called ${name} already`, span: argumentsOf(node.body)[2] ?? node };
      }
      seen.add(name);
    }
  },
};
