/**
 * `npm test`: one `node --test` call with every test. `npm test -- --long` adds soaks and fuzzers; `npm test -- PATH …`
 * runs the tests below these paths only; other options go to `node --test`. The exit status is the runner's.
 */
import { spawnSync } from 'node:child_process';
import { pathWithPeers } from '../tests/support/peers.ts';
import { allTests, testProcesses } from './find-tests.ts';

const CONCURRENT = 2;

const given = process.argv.slice(2);
const long = given.includes('--long');
const options = given.filter((word) => word.startsWith('-') && word !== '--long');
const paths = given.filter((word) => !word.startsWith('-')).map((word) => word.replace(/^\.\//, ''));
const files =
  paths.length === 0 ? testProcesses() : allTests().filter((file) => paths.some((path) => file.startsWith(path)));
if (files.length === 0) {
  console.error(`test: no test below ${paths.join(', ')}`);
  process.exit(125);
}

const result = spawnSync(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--test',
    `--test-concurrency=${CONCURRENT}`,
    '--test-reporter=./scripts/test-reporter.ts',
    '--test-reporter-destination=stdout',
    ...options,
    ...files,
  ],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: pathWithPeers(process.env['PATH'] ?? ''),
      ...(long ? { SHALE_TEST_LONG: '1' } : {}),
    },
  },
);
if (result.error !== undefined) console.error(`test: ${result.error.message}`);
process.exit(result.status ?? 1);
