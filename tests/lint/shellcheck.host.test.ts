/** What ShellCheck finds in RUN. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lintDockerfile, parseDockerfile } from '../../src/dockerfile/index.ts';
import { withShellcheck } from '../../src/lint/index.ts';
import { debianTool } from '../support/debian-tools.ts';

// Not in PATH: what other tests lint would have more findings.
const shellcheck = debianTool('trixie', 'shellcheck', 'usr/bin/shellcheck');

test(
  'findings of ShellCheck have their places in the Dockerfile, and can be kept silent by their numbers',
  { skip: shellcheck === undefined && 'shellcheck cannot be fetched' },
  async () => {
    const text =
      'FROM debian:12\nENV A=b\nRUN echo $A; \\\n\tcd $X\nRUN <<E\nset -e\necho `ls`\nE\n# hadolint ignore=SC2086\nRUN echo $A\nUSER 1\n';
    const { findings } = await lintDockerfile(parseDockerfile(text), withShellcheck({}, shellcheck));
    const told = findings.filter(({ code }) => code !== undefined);
    const shown = told.map(({ code, span }) => `${code} ${text.slice(span.start, span.end)}`);
    for (const one of ['SC2086 $A', 'SC2086 $X', 'SC2006 `ls`'])
      assert.ok(shown.includes(one), `${one} in ${shown.join('; ')}`);
    assert.ok(told.every(({ start }) => start.line < 10));
    assert.ok(!shown.some((one) => one.startsWith('SC2154 $A')), 'a variable of ENV counts as set');
  },
);

test('without ShellCheck nothing changes', () => {
  const options = {};
  assert.equal(withShellcheck(options, '/nonexistent/shellcheck'), options);
});
