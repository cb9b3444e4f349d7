import { isShaleError } from '../base/index.ts';
import { rebuildDatabase } from '../store/index.ts';
import { openContext, type EngineOptions } from './context.ts';
import { unpackedDigest } from './layer-check.ts';
import { check } from './system.ts';
import type { CheckFinding, CheckReport, CheckRequest, Watch } from './types.ts';

/**
 * `shale system check` of a store that may not even open: with `repair` a damaged database is made anew first, from the
 * blobs and what stands beside it (docs/formats/store.md). Nothing else may have the store open then.
 * @throws STORE_IN_USE, STORE_TOO_NEW, STORE_NOT_FOUND
 */
export async function checkStore(options: EngineOptions, request: CheckRequest, watch: Watch): Promise<CheckReport> {
  const first = await tryCheck(options, request, watch);
  const damage = 'damage' in first ? first.damage : first.findings.find(isOfDatabase);
  if (damage === undefined || !request.repair)
    return 'damage' in first ? { checkedBlobs: 0, checkedBytes: 0, findings: [first.damage] } : first;
  const { rebuilt } = await rebuildDatabase({ root: options.home, clock: options.now }, (path) =>
    unpackedDigest(path, watch.signal),
  );
  const second = await tryCheck(options, request, watch);
  if ('damage' in second) return { checkedBlobs: 0, checkedBytes: 0, findings: [second.damage] };
  const made = rebuilt ? `${damage.problem}; made anew, the old one is beside it as shale.db.damaged` : damage.problem;
  return { ...second, findings: [{ ...damage, problem: made, repaired: true }, ...second.findings] };
}

/** A report, or what keeps the store from being opened or read. */
async function tryCheck(
  options: EngineOptions,
  request: CheckRequest,
  watch: Watch,
): Promise<CheckReport | { readonly damage: CheckFinding }> {
  try {
    const context = await openContext(options);
    await using _store = context.store;
    return await check(context, request, watch);
  } catch (error) {
    if (!isShaleError(error, 'STORE_DAMAGED')) throw error;
    const { path } = error.data;
    const subject = typeof path === 'string' ? path : options.home;
    return { damage: { subject, problem: `DATABASE_DAMAGED: ${error.message}`, repaired: false } };
  }
}

function isOfDatabase({ problem, repaired }: CheckFinding): boolean {
  return problem.startsWith('DATABASE_DAMAGED') && !repaired;
}
