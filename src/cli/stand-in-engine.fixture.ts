/** Starts the program with an engine that does what the variable STAND_IN says; for tests of whole processes. */
import type { Engine, Watch } from '../engine/index.ts';
import { start } from './main.ts';

const kind = process.env['STAND_IN'];

function untilAborted(signal: AbortSignal): Promise<never> {
  const timer = setInterval(() => undefined, 1000);
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      clearInterval(timer);
      reject(signal.reason as Error); // SignalDesk gives errors.
    });
  });
}

function tellStarted(watch: Watch): void {
  watch.progress?.({ kind: 'vertex-started', id: 'v', number: 1, name: 'step', time: Date.now() });
}

const image = { id: `sha256:${'a'.repeat(64)}`, taggedMs: 0, sizeBytes: 0, labels: {} };

const engine: Partial<Engine> = {
  images: async () => Array.from({ length: 50_000 }, () => image),
  build: async (_request, watch) => {
    tellStarted(watch);
    if (kind === 'deaf') await new Promise((resolve) => setTimeout(resolve, 60_000));
    if (kind === 'waiting') await untilAborted(watch.signal);
    return { imageId: image.id, buildId: 'b', tags: [], metadata: {} };
  },
  explore: async () => {
    const { webExploration } = await import('./explorer/web-image.fixture.ts');
    const image = webExploration();
    if (kind !== 'exploding') return image;
    const list = image.list.bind(image);
    image.list = (scope, path) => {
      if (scope.to < image.report.layers.length - 1) throw new Error('it exploded');
      return list(scope, path);
    };
    return image;
  },
  [Symbol.asyncDispose]: async () => {
    if (kind === 'waiting') process.stderr.write('closed\n');
  },
};

await start(async () => engine as Engine); // The tests call nothing else.
