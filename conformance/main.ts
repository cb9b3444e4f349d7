/**
 * `npm run conformance`: compares shale with recorded answers. Arguments name suites. `-- --record [GROUP…]` asks docker
 * (SHALE_CONFORMANCE_DOCKER, SHALE_CONFORMANCE_SCRATCH) for the answers to our own cases and writes them down.
 * The exit status is 1 when anything failed.
 */
import { parseArgs } from 'node:util';
import { EXCEPTIONS } from './exceptions.ts';
import { record, recorderFrom } from './record.ts';
import { formatResult, runSuite } from './suite.ts';
import { SUITES } from './suites.ts';

const { values, positionals } = parseArgs({ options: { record: { type: 'boolean' } }, allowPositionals: true });
if (values.record === true) await record(recorderFrom(process.env), positionals, (line) => console.log(line));
else process.exitCode = await runAll(positionals);

async function runAll(names: readonly string[]): Promise<number> {
  const unknown = names.find((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown !== undefined) {
    console.error(`conformance: no suite ${unknown}; there are ${SUITES.map(({ name }) => name).join(', ')}`);
    return 125;
  }
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const suite of SUITES.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const result = await runSuite(suite, EXCEPTIONS);
    process.stdout.write(formatResult(result));
    total.passed += result.passed;
    total.failed += result.failed.length;
    total.skipped += result.skipped.length;
  }
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed === 0 ? 0 : 1;
}
