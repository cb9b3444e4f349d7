import { once } from 'node:events';
import { open, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf } from '../../base/index.ts';
import type { Exploration, ExplorationComparison } from '../../explore/index.ts';
import type { Context } from '../context.ts';
import { openTerminal, type TerminalEvent } from '../terminal/session.ts';
import { frameOf } from './frame.ts';
import { keptListing } from './listing.ts';
import { initialState, reduce } from './reduce.ts';
import type { Effect, ExplorerEvent, ExplorerModel } from './state.ts';

export type ExplorerContext = Pick<
  Context,
  'stdin' | 'stdout' | 'env' | 'cwd' | 'signal' | 'takeOtherSignals' | 'atExit' | 'suspend'
>;

/**
 * Shows an image on the whole terminal until somebody leaves it; with a comparison, `exploration` is its second image. The
 * terminal is given back however this ends.
 * @throws what `context.signal` was aborted with, OUTPUT_CLOSED when the terminal is gone
 */
export async function runExplorer(
  context: ExplorerContext,
  exploration: Exploration,
  comparison?: ExplorationComparison,
): Promise<void> {
  const model = modelOf(exploration, comparison);
  const events = new EventQueue<TerminalEvent | ExplorerEvent>();
  using terminal = openTerminal(context, (event) => events.push(event));
  let state = initialState(model, terminal.size());
  while (true) {
    ({ state } = reduce(model, state, { kind: 'settled' }));
    await terminal.draw(frameOf(model, state));
    for (const event of await events.take(context.signal)) {
      if (event.kind === 'ended') return;
      const step = reduce(model, state, event.kind === 'resized' ? { kind: 'resized', size: terminal.size() } : event);
      ({ state } = step);
      for (const effect of step.effects) {
        if (effect.kind === 'quit') return;
        if (effect.kind === 'suspend') await terminal.suspend();
        else if (effect.kind === 'redraw') terminal.redraw();
        else void carryOut(exploration, effect, context.cwd).then((result) => events.push(result));
      }
    }
  }
}

function modelOf(exploration: Exploration, comparison: ExplorationComparison | undefined): ExplorerModel {
  const image = {
    report: exploration.report,
    list: keptListing(exploration),
    find: exploration.find.bind(exploration),
    search: exploration.search.bind(exploration),
    resolve: exploration.resolve.bind(exploration),
  };
  return { image, comparison };
}

type WorkEffect = Exclude<Effect, { kind: 'quit' | 'suspend' | 'redraw' }>;

/** Never rejects: what went wrong is an event too. */
async function carryOut(exploration: Exploration, effect: WorkEffect, cwd: string): Promise<ExplorerEvent> {
  try {
    return await workOf(exploration, effect, cwd);
  } catch (error) {
    return { kind: 'failed', effect, message: messageOf(error) };
  }
}

async function workOf(exploration: Exploration, effect: WorkEffect, cwd: string): Promise<ExplorerEvent> {
  const { place } = effect;
  switch (effect.kind) {
    case 'look':
      return { kind: 'looked', place, look: await exploration.look(place) };
    case 'read': {
      const { offset, lengthBytes } = effect;
      return { kind: 'read', place, offset, bytes: await exploration.read(place, { offset, lengthBytes }) };
    }
    case 'compare':
      return { kind: 'compared', place, comparison: await exploration.compareWithBelow(place) };
    case 'export': {
      const sizeBytes = await writeNew(resolve(cwd, effect.to), exploration.stream(place));
      return { kind: 'exported', to: effect.to, sizeBytes };
    }
  }
}

/** Writes a file that is not there yet; a part of one does not stay. */
async function writeNew(path: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(path, 'wx');
  let sizeBytes = 0;
  try {
    for await (const chunk of bytes) {
      await file.writeFile(chunk);
      sizeBytes += chunk.byteLength;
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return sizeBytes;
}

/** What has happened and was not looked at yet. */
class EventQueue<T> {
  #events: T[] = [];
  readonly #arrivals = new EventTarget();

  push(event: T): void {
    this.#events.push(event);
    this.#arrivals.dispatchEvent(new Event('arrival'));
  }

  /** All that has come since the last call, at least one; frames need not be drawn in between. @throws when aborted */
  async take(signal: AbortSignal): Promise<readonly T[]> {
    signal.throwIfAborted();
    if (this.#events.length === 0) await once(this.#arrivals, 'arrival', { signal });
    signal.throwIfAborted();
    const events = this.#events;
    this.#events = [];
    return events;
  }
}
