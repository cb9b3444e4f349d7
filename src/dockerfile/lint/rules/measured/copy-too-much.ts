import { exampleRecord, LARGE_BYTES, VOLATILE_FOLDER, megabytes } from '../../measured.ts';
import type { LintRule } from '../../rule.ts';

export const copyTooMuch: LintRule = {
  id: 'copy-too-much',
  aliases: [],
  topic: 'measured',
  severity: 'warning',
  title: 'COPY takes no folders that change by themselves or are not needed',
  why: 'A copied .git or node_modules makes the image larger and the cache useless, since it changes with every commit or install. The rule reads the record of the last build; `shale lint --ignorefile` proposes the lines of a .dockerignore.',
  bad: 'FROM node:22\nCOPY . /app/',
  good: 'FROM node:22\nCOPY src /app/src',
  fix: 'none',
  record: exampleRecord({ line: 2, layerBytes: 90_000_000, largest: [{ path: '.git', bytes: 80_000_000 }] }),
  *check(file) {
    for (const { line, largest } of file.measured?.steps ?? []) {
      const step = file.steps.find(({ node }) => node.firstLine === line);
      const instruction = step?.instruction;
      if (step === undefined || (instruction?.kind !== 'copy' && instruction?.kind !== 'add')) continue;
      const { sources } = instruction;
      const from = instruction.kind === 'copy' ? instruction.from : undefined;
      if (
        from !== undefined ||
        !sources.some(({ text }) => /^["']?(?:\.?\/?|\*)["']?$/.test(text) || VOLATILE_FOLDER.test(text))
      )
        continue;
      for (const { path, bytes } of largest) {
        if (!VOLATILE_FOLDER.test(path) && bytes < LARGE_BYTES) continue;
        const why = VOLATILE_FOLDER.test(path) ? 'changes by itself' : 'is large';
        yield {
          message: `this copied ${path} (${megabytes(bytes)}), which ${why}: leave it out by a .dockerignore`,
          span: step.node,
        };
      }
    }
  },
};
