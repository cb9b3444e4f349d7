import { availableParallelism } from 'node:os';
import { readConfig } from '../../images/index.ts';
import { digestOf, formatImageConfig } from '../../oci/index.ts';
import { makeBaseConfig, makeNamed, runsScripts } from '../bases/make-base.ts';
import type { EngineContext } from '../context.ts';
import type { Watch } from '../types.ts';
import { makeWorkFolder } from '../work-folders.ts';
import { openWorkshop } from '../workshop.ts';
import { imageDifferences } from './image-differences.ts';
import { blameClock, clockReport, openClock } from './step-clock.ts';
import { enterOtherSurroundings, otherProcessors } from './surroundings.ts';
import type { BaseVerifyRequest, VerifyReport } from './verify-types.ts';
import { waitPastSecond } from './wait-past-second.ts';

const PROCESSORS = 'processors';
const ORDER = 'order of files';

/**
 * `shale base … --verify`: makes a base image, then makes it again from scratch, with everything downloaded anew and in other
 * surroundings, and compares. Nothing of the second one is kept. @throws as makeBase, and findClockLibrary
 */
export async function verifyBase(
  context: EngineContext,
  { base, clockAheadSeconds }: BaseVerifyRequest,
  watch: Watch,
): Promise<VerifyReport & { readonly tags: readonly string[] }> {
  const { store, layers } = context;
  const { now } = context.options;
  const { imageId, tags } = await makeNamed(context, base, watch);
  const madeAt = now();
  await using folder = await makeWorkFolder(store);
  await waitPastSecond(madeAt, now(), watch.signal);
  const runs = runsScripts(base);
  const clock = await openClock(context, clockAheadSeconds, folder.path, watch);
  const mounts = runs ? await otherMounts(context) : { notVaried: { what: ORDER, why: 'no program runs' } };
  const processors = otherProcessors(PROCESSORS);
  const moved = { what: 'folder', was: await store.folder('sources'), is: folder.path };
  const time = { what: 'time', was: new Date(madeAt).toISOString(), is: new Date(now()).toISOString() };
  using around = enterOtherSurroundings();
  const elsewhere = {
    folder: folder.path,
    ...('setFor' in clock && { clock }),
    ...('cpuset' in processors && runs && { resources: { cpusetCpus: processors.cpuset } }),
  };
  const rebuilt = await makeBaseConfig('context' in mounts ? mounts.context : context, base, watch, {
    step: { id: 'again', number: 2, name: `[verify] ${base.distribution}` },
    noCache: true,
    elsewhere,
    // A number that is not what this machine would take.
    threads: availableParallelism() > 1 ? 1 : 2,
  }).catch((error: unknown) => {
    throw blameClock(error, clock);
  });
  watch.progress?.({ kind: 'finished', time: now() });
  const rebuiltId = digestOf(formatImageConfig(rebuilt));
  const chosen = [mounts, processors];
  const steps = clockReport(clock);
  return {
    image: imageId,
    rebuilt: rebuiltId,
    tags,
    identical: rebuiltId === imageId,
    varied: [
      moved,
      ...chosen.flatMap((one) => ('varied' in one ? [one.varied] : [])),
      time,
      ...around.varied,
      ...steps.varied,
    ],
    notVaried: [
      ...chosen.flatMap((one) => ('notVaried' in one ? [one.notVaried] : [])),
      ...around.notVaried,
      ...steps.notVaried,
    ],
    ...(await imageDifferences(layers, await readConfig(store, imageId), rebuilt)),
  };
}

type OtherMounts =
  | { readonly context: EngineContext; readonly varied: VerifyReport['varied'][number] }
  | { readonly notVaried: VerifyReport['notVaried'][number] };

/** Layers that are unpacked, where they are mounted by their index else: directories list their files in another order then. */
async function otherMounts(context: EngineContext): Promise<OtherMounts> {
  await using workshop = await openWorkshop(context);
  if (workshop.host.driver === 'unpack')
    return { notVaried: { what: ORDER, why: 'layers are unpacked on this machine' } };
  const options = { ...context.options, mountDriver: 'unpack' as const };
  return { context: { ...context, options }, varied: { what: ORDER, was: 'by index', is: 'as unpacked' } };
}
