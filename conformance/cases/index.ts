import type { CaseGroup } from '../cases.ts';
import { mounts } from './mounts.ts';
import { variables } from './variables.ts';

export const GROUPS: readonly CaseGroup[] = [mounts, variables];
