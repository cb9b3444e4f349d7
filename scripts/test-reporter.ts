/**
 * Node's spec reporter, with the reasons of all skipped tests gathered just before the runner's summary, so that a
 * run on a poor machine cannot be taken for a full one.
 */
import type { TestEvent } from 'node:test/reporters';
import { spec } from 'node:test/reporters';

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string | Uint8Array> {
  const inner = spec();
  const skipped = new Map<string, number>();
  let summarised = false;
  for await (const event of events) {
    const reason = skipReason(event);
    if (reason !== undefined) skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
    if (!summarised && isSummary(event)) {
      summarised = true;
      yield describe(skipped);
    }
    inner.write(event);
    for (let chunk = inner.read(); chunk !== null; chunk = inner.read()) yield chunk;
  }
  inner.end();
  for await (const chunk of inner) yield chunk;
}

function skipReason(event: TestEvent): string | undefined {
  if (event.type !== 'test:pass' && event.type !== 'test:fail') return undefined;
  const { skip } = event.data;
  if (skip === undefined || skip === false) return undefined;
  return typeof skip === 'string' && skip !== '' ? skip : 'no reason given';
}

/** The first of the lines `tests N`, `suites N`, … that the runner ends with. */
function isSummary(event: TestEvent): boolean {
  return event.type === 'test:diagnostic' && event.data.nesting === 0 && /^tests \d+$/.test(event.data.message);
}

function describe(skipped: ReadonlyMap<string, number>): string {
  const total = [...skipped.values()].reduce((sum, count) => sum + count, 0);
  if (total === 0) return '\nnothing was skipped\n\n';
  const rows = [...skipped].toSorted(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1));
  const lines = rows.map(([reason, count]) => `${String(count).padStart(6)}  ${reason}\n`);
  return `\nskipped ${total}:\n${lines.join('')}\n`;
}
