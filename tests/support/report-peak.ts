/** Loaded into a process by `--import`: at its end it writes its peak memory in bytes to the file of REPORT_PEAK. */
import { readFileSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const path = process.env['REPORT_PEAK'];
if (path !== undefined && isMainThread)
  process.on('exit', () => {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    writeFileSync(path, String(Number(kib) * 1024));
  });
