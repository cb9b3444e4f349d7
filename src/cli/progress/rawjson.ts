import type { ProgressEvent } from '../../engine/index.ts';
import { ProgressModel } from './model.ts';
import type { Renderer } from './renderer.ts';

/** One JSON object a line, the events as they are; output of programs in base64 (`docs/formats/progress.md`). */
export function rawjsonRenderer({ write }: { readonly write: (text: string) => void }): Renderer {
  const model = new ProgressModel();
  return {
    event: (event: ProgressEvent) => {
      model.apply(event);
      write(`${JSON.stringify(toJson(event))}\n`);
    },
    end: () => undefined,
    // The reader of JSON has every event; nothing is told in another form.
    failed: () => undefined,
    findings: () => [],
  };
}

function toJson(event: ProgressEvent): object {
  if (event.kind === 'finding') {
    const { text: _, ...rest } = event;
    return rest;
  }
  if (event.kind !== 'vertex-log') return event;
  const { data, ...rest } = event;
  return { ...rest, data: Buffer.from(data).toString('base64') };
}
