import { megabytes, NOTABLE_BYTES } from '../../measured.ts';
import type { LintRule } from '../../rule.ts';

/** What is not a third smaller is not worth the change. */
const SHARE_MAX = 2 / 3;

export const baseSmaller: LintRule = {
  id: 'base-smaller',
  aliases: [],
  topic: 'measured',
  severity: 'style',
  title: 'the base has little that is never used',
  why: 'What an image runs needs its program, its libraries and some files; a base with more is slower to pull and has more to keep up to date. The rule reads the image of the last build: the program that it starts, the libraries that this loads and the packages that they are of. It is silent where a shell or an interpreter is started, since nobody can tell what those run. `shale base advise` says more, and what to look at first.',
  bad: 'FROM debian:12\nCOPY server /server\nENTRYPOINT ["/server"]',
  good: 'FROM scratch\nCOPY server /server\nENTRYPOINT ["/server"]',
  fix: 'none',
  record: {
    id: 'b0',
    bases: [],
    steps: [],
    smaller: { base: 'scratch', bytes: 9_000_000, ofBytes: 130_000_000, reason: '/server is static' },
  },
  *check(file) {
    const smaller = file.measured?.smaller;
    const from = file.stages.at(-1)?.from;
    if (smaller === undefined || from === undefined || from.base.text === smaller.base) return;
    const { base, bytes, ofBytes, reason } = smaller;
    if (ofBytes - bytes < NOTABLE_BYTES || bytes > SHARE_MAX * ofBytes) return;
    yield {
      message: `${base} may do: about ${megabytes(bytes)} instead of ${megabytes(ofBytes)}; ${reason}`,
      span: from.node,
    };
  },
};
