import { ProgressModel } from './model.ts';
import type { Renderer } from './renderer.ts';

/** Shows nothing; remembers what failed. */
export function quietRenderer(): Renderer {
  const model = new ProgressModel();
  return {
    event: (event) => void model.apply(event),
    end: () => undefined,
    failed: () => model.failed,
    findings: () => [],
  };
}
