/** `SHALE_FAILPOINT=NAME` or `NAME:N`: the N-th time that this point is passed, the process kills itself. For tests. */
const [wanted, count] = (process.env['SHALE_FAILPOINT'] ?? '').split(':');
let left = Number(count ?? '1');

export type Failpoint =
  | 'ingest.created'
  | 'ingest.written'
  | 'ingest.placed'
  | 'ingest.recorded'
  | 'derived.placed'
  | 'durable.synced'
  | 'publish.begun'
  | 'publish.written'
  | 'publish.done'
  | 'collect.marked'
  | 'collect.moved'
  | 'collect.recorded'
  | 'repair.step'
  | 'open.created'
  | 'container.folder';

export function failpoint(name: Failpoint): void {
  if (wanted === name && --left === 0) process.kill(process.pid, 'SIGKILL');
}
