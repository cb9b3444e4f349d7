import { exampleRecord, NOTABLE_BYTES, megabytes } from '../../measured.ts';
import type { LintRule } from '../../rule.ts';

export const layerDeleteNoGain: LintRule = {
  id: 'layer-delete-no-gain',
  aliases: [],
  topic: 'measured',
  severity: 'warning',
  title: 'what a step leaves behind is deleted in that step',
  why: 'A file that a later step deletes stays in the layer below and in every pull. Deleted in the step that made it, it never gets into a layer. The rule reads the record of the last build.',
  bad: 'FROM debian:12\nRUN make cache\nRUN rm -rf /cache',
  good: 'FROM debian:12\nRUN make cache && rm -rf /cache',
  fix: 'none',
  record: exampleRecord({
    line: 2,
    layerBytes: 41_000_000,
    deletedLater: [{ line: 3, bytes: 41_000_000, example: '/cache/a' }],
  }),
  *check(file) {
    for (const { line, deletedLater } of file.measured?.steps ?? []) {
      const step = file.steps.find(({ node }) => node.firstLine === line);
      for (const { line: later, bytes, example } of deletedLater) {
        if (step === undefined || bytes < NOTABLE_BYTES || !file.steps.some(({ node }) => node.firstLine === later))
          continue;
        yield {
          message: `${megabytes(bytes)} of this step stay in the image though line ${later} deletes them (${example})`,
          span: step.node,
        };
      }
    }
  },
};
