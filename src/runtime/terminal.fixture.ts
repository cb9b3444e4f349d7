/**
 * A process for terminal.host.test.ts, started inside a terminal: runs `sh -c SCRIPT` in a container that gets it.
 * Arguments: run folder, rootfs, id, script; prints how it ended and the terminal's modes before and after.
 */
import { execFileSync } from 'node:child_process';
import { noNetwork } from './networks-basic.ts';
import { openPlainHost } from './plain-host.ts';
import { openRuntime } from './runtime.ts';

const [runRoot = '', rootfs = '', id = '', script = ''] = process.argv.slice(2);
const modes = (): string => execFileSync('stty', ['-g'], { stdio: ['inherit', 'pipe', 'inherit'], encoding: 'utf8' });

execFileSync('stty', ['rows', '40', 'cols', '100'], { stdio: 'inherit' });
const before = modes();
const runtime = openRuntime({ host: openPlainHost(), runRoot });
const spec = { id, rootfs: { path: rootfs, access: rootfs }, args: ['sh', '-c', script], env: [], network: noNetwork };
const consoleSize = { height: process.stdout.rows, width: process.stdout.columns };
const handle = await runtime.run({ ...spec, terminal: true, consoleSize }, { kind: 'inherit' });
if (script.includes('KILLME')) setTimeout(() => handle.kill('KILL'), 500);
const exit = await handle.exit;
process.stdout.write(`\nEXIT ${JSON.stringify(exit)} MODES ${before === modes() ? 'kept' : 'changed'}\n`);
