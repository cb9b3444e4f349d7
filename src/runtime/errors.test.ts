import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unfixedIn } from './command.ts';
import { startFailure } from './errors.ts';
import { signalNumber } from './signals.ts';

const line = (msg: string): string => JSON.stringify({ level: 'error', msg, time: 'now' });

test('F-247: startFailure() maps the runtime’s words to 125, 126 and 127', () => {
  const cases: [string, number][] = [
    ['runc run failed: unable to start container process: exec: "x": executable file not found in $PATH', 127],
    ['runc run failed: unable to start container process: exec: "/no": stat /no: no such file or directory', 127],
    ['runc run failed: unable to start container process: exec: "/etc": is a directory', 126],
    ['runc run failed: unable to start container process: exec: "/f": permission denied', 126],
    ['executable file `x` not found in $PATH: No such file or directory', 127],
    [
      'runc run failed: unable to start container process: error during container init: mkdir /x: read-only file system',
      125,
    ],
    [
      'exec failed: unable to start container process: chdir to cwd ("/no") set in config.json failed: no such file or directory',
      127,
    ],
    ['sysctl "net.x" not allowed in host network namespace', 125],
    ['container with id exists: c1', 125],
  ];
  for (const [message, code] of cases) assert.equal(startFailure(line(message))?.code, code, message);
});

test('F-257: startFailure() takes junk in the log for a failure and keeps it short', () => {
  assert.equal(startFailure(''), undefined);
  assert.equal(startFailure('{"level":"warning","msg":"x"}\n'), undefined);
  assert.equal(startFailure('{{{{ panic')?.code, 125);
  assert.ok((startFailure('x'.repeat(1_000_000))?.reason.length ?? 0) < 1100);
});

test('F-241: unfixedIn() lists the CVEs that a version of runc lacks the fix for', () => {
  assert.equal(unfixedIn('1.1.5').length, 5);
  assert.deepEqual(unfixedIn('1.1.14'), ['CVE-2025-31133', 'CVE-2025-52565', 'CVE-2025-52881', 'CVE-2026-41579']);
  assert.deepEqual(unfixedIn('1.2.8'), ['CVE-2026-41579']);
  assert.deepEqual(unfixedIn('1.3.6'), []);
  assert.deepEqual(unfixedIn('1.4.2'), ['CVE-2026-41579']);
  assert.deepEqual(unfixedIn('1.5.0'), []);
  assert.deepEqual(unfixedIn('2.0.0'), []);
});

test('signalNumber() takes names and numbers as docker does', () => {
  assert.deepEqual(
    ['TERM', 'SIGTERM', 'sigkill', 9, '9', 'RTMIN+3', 'SIGRTMAX-1'].map(signalNumber),
    [15, 15, 9, 9, 9, 37, 63],
  );
  for (const bad of ['', 'FISH', 0, 65, '-9', 'RTMIN+99'])
    assert.throws(() => signalNumber(bad), { code: 'SIGNAL_UNKNOWN' });
});
