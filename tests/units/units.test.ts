/** The unit tests, all in one process: a process for each file would take longer than the tests themselves. */
import { resolve } from 'node:path';
import { unitTests } from '../../scripts/find-tests.ts';

for (const file of unitTests()) await import(resolve(file));
