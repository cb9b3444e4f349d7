import { insecureVariable } from '../../insecure.ts';
import type { LintRule } from '../../rule.ts';

export const nodeTls: LintRule = insecureVariable({
  id: 'node-tls',
  aliases: ['CKV2_DOCKER_6'],
  topic: 'languages',
  title: 'programs of Node check certificates',
  why: 'NODE_TLS_REJECT_UNAUTHORIZED=0 turns the check off for every connection of every program of Node in the image, also when it runs.',
  bad: 'FROM node:22\nENV NODE_TLS_REJECT_UNAUTHORIZED=0\nRUN npm ci',
  good: 'FROM node:22\nRUN npm ci',
  variable: 'NODE_TLS_REJECT_UNAUTHORIZED',
  values: /^0$/,
  says: 'every connection of Node goes to whoever answers',
});
