import type { Context } from '../context.ts';
import type { Watch } from '../../engine/index.ts';
import { formatFailedStep } from './failure.ts';
import { formatFindings } from './findings.ts';
import { plainRenderer } from './plain.ts';
import { quietRenderer } from './quiet.ts';
import { rawjsonRenderer } from './rawjson.ts';
import type { Renderer } from './renderer.ts';
import { ttyRenderer } from './tty.ts';

const FRAME_MS = 100;

export interface Progress extends AsyncDisposable {
  /** What an operation of the engine gets. */
  readonly watch: Watch;
  /** Draws the last state and, when a step failed, its whole log. Idempotent; disposing does the same. */
  readonly close: () => Promise<void>;
}

/**
 * Shows the events of one operation on standard error. `kind` is auto, tty, plain, quiet or rawjson; tty needs a
 * terminal that can move its cursor, else lines are printed; `doing` is what it shows above the steps. With `whenNeeded` nothing is shown before the first event.
 */
export function openProgress(
  context: Context,
  kind: string,
  { whenNeeded = false, doing = 'Building' }: { readonly whenNeeded?: boolean; readonly doing?: string } = {},
): Progress {
  // Lost output must not stop a build: the command's own result will find out that nobody reads.
  let pending: Promise<void> = Promise.resolve();
  const write = (text: string): void => {
    if (text === '') return;
    pending = context.stderr.write(text).catch(() => undefined);
  };
  let renderer = whenNeeded ? undefined : rendererFor(context, kind, { write, doing });
  let closed = false;
  const close = async (): Promise<void> => {
    if (!closed) {
      closed = true;
      if (renderer !== undefined) endRenderer(context, renderer, write);
    }
    await pending;
  };
  return {
    watch: {
      signal: context.signal,
      progress: (event) => {
        if (!closed) (renderer ??= rendererFor(context, kind, { write, doing })).event(event);
      },
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What is told once all events have come: the step that failed, and what is wrong with the Dockerfile. */
function endRenderer(context: Context, renderer: Renderer, write: (text: string) => void): void {
  renderer.end();
  const failed = renderer.failed();
  if (failed !== undefined && failed.log.last(1).length > 0)
    write(formatFailedStep(failed, { sanitize: context.stderr.isTerminal }));
  write(formatFindings(renderer.findings(), { debug: context.debug, colors: context.stderr.colors }));
}

function rendererFor(
  context: Context,
  kind: string,
  { write, doing }: { readonly write: (text: string) => void; readonly doing: string },
): Renderer {
  if (kind === 'quiet') return quietRenderer();
  if (kind === 'rawjson') return rawjsonRenderer({ write });
  const { stderr } = context;
  const drawable = stderr.isTerminal && stderr.size() !== undefined && context.env['TERM'] !== 'dumb';
  if (kind === 'plain' || !drawable) return plainRenderer({ write, sanitize: stderr.isTerminal });
  return ttyRenderer({ write, doing, size: stderr.size, colors: stderr.colors, now: context.now, everyFrame });
}

function everyFrame(frame: () => void): () => void {
  const timer = setInterval(frame, FRAME_MS);
  timer.unref();
  return () => clearInterval(timer);
}
