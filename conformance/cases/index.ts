import type { CaseGroup } from '../cases.ts';
import { variables } from './variables.ts';

export const GROUPS: readonly CaseGroup[] = [variables];
