import { formatPlatform } from '../../../../oci/index.ts';
import type { Rule } from '../rule.ts';

export const invalidBaseImagePlatform: Rule = {
  name: 'InvalidBaseImagePlatform',
  description: 'a base image is for the platform that is built',
  on: 'image',
  *check({ from, name, expected, actual }) {
    if (expected.os === actual.os && expected.architecture === actual.architecture) return;
    const [is, wanted] = [actual, expected].map(formatPlatform);
    const message = `Base image ${name} was pulled with platform "${is}", expected "${wanted}" for current build`;
    yield { message, at: from.node, span: from.base };
  },
};
