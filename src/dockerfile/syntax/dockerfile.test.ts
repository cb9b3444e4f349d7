import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasErrors, parseDockerfile } from './dockerfile.ts';
import { dumpSyntax } from './dump.ts';

test('parseDockerfile() says where each word stands', () => {
  const text = '# c\nRUN --mount=type=tmpfs,\\\n# inside\n  target=/x  echo \\\n  hi\nCOPY --from=a "b c" d\n';
  const { nodes } = parseDockerfile(text);
  const [run, copy] = nodes;
  assert.ok(run !== undefined && copy !== undefined);
  assert.equal(text.slice(run.start, run.end), text.slice(4, text.indexOf('\nCOPY')));
  assert.equal(copy.flags[0]?.text, '--from=a');
  for (const word of [copy.keyword, ...copy.flags]) assert.equal(text.slice(word.start, word.end), word.text);
  assert.deepEqual([run.firstLine, run.lastLine], [2, 5]);
});

test('F-231: parseDockerfile() goes on after an error and finds the next one', () => {
  const { diagnostics } = parseDockerfile('FROM a\nENV x\nRUNN x\nCOPY --frm=b c d\nSHELL bash\n');
  assert.deepEqual(
    diagnostics.map(({ code, start }) => [code, start.line, start.column]),
    [
      ['VALUE_MISSING', 2, 5],
      ['INSTRUCTION_UNKNOWN', 3, 1],
      ['FLAG_UNKNOWN', 4, 6],
      ['JSON_FORM', 5, 1],
    ],
  );
  assert.equal(diagnostics[1]?.hint, 'did you mean RUN?');
  assert.equal(diagnostics[2]?.hint, 'did you mean from?');
});

test('F-231: parseDockerfile() takes hostile files in linear time', () => {
  const started = process.hrtime.bigint();
  const refused = [
    `FROM a\nRUN ${'x'.repeat(1_000_000)}\n`,
    'FROM a\nRUN cat <<EOF\nnever ends\n',
    `FROM a\nCOPY <<A <<B /x\n1\nA\n2\n`,
    `${'\r'.repeat(65_000)}x\n`,
    'F\0R\0O\0M\0 \0a\0',
    '\xff\xfeFROM a',
    'FROM a\nONBUILD ONBUILD RUN x\n',
    'FROM a\nONBUILD FROM x\n',
    '',
    '\n\n# only\n',
    '# escape=x\nFROM a\n',
    '# escape=`\n# ESCAPE=`\nFROM a\n',
    `FROM a\n${'ONBUILD \\\n'.repeat(20_000)}RUN x\n`,
  ];
  for (const text of refused)
    assert.ok(hasErrors(parseDockerfile(text).diagnostics), JSON.stringify(text.slice(0, 40)));
  const accepted = [
    `FROM a\nRUN x \\\n${'  y \\\n'.repeat(10_000)}  z\n`,
    'FROM a\n'.repeat(10_000),
    `# escape=\`\nFROM a\nRUN a \`\n  b\n`,
    '\ufeff# escape=`\r\nFROM a\r\nRUN x\r\n',
    `FROM a\nRUN ${'x'.repeat(65_535 - 4)}\n`,
    `FROM a\nRUN <<E\n${'y'.repeat(60_000)}\nE\n`,
    'FROM 0\n',
  ];
  for (const text of accepted) {
    assert.deepEqual(parseDockerfile(text).diagnostics, [], JSON.stringify(text.slice(0, 40)));
  }
  assert.ok(process.hrtime.bigint() - started < 10_000_000_000n);
});

test('parseDockerfile() reads heredocs in all their forms', () => {
  const text = [
    'FROM a',
    'RUN <<EOF cat',
    'one',
    'EOF',
    'COPY <<-\'A\' <<"B"C <<D /x/',
    '\t$keep',
    '\tA',
    'b',
    'BC',
    '$expand',
    'D',
    'ONBUILD RUN <<E',
    'x',
    'E',
    'RUN ["<<NOT"]',
  ].join('\n');
  const { nodes, stages, diagnostics } = parseDockerfile(text);
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(
    nodes.flatMap((node) => node.heredocs).map(({ name, expand, chomp, content }) => [name, expand, chomp, content]),
    [
      ['EOF', true, false, 'one\n'],
      ['A', false, true, '\t$keep\n'],
      ['BC', false, false, 'b\n'],
      ['D', true, false, '$expand\n'],
      ['E', true, false, 'x\n'],
    ],
  );
  const commands = stages[0]?.commands ?? [];
  const copy = commands.find((command) => command.kind === 'copy');
  assert.deepEqual(
    copy?.inline.map(({ content }) => content),
    ['$keep\n', 'b\n', '$expand\n'],
  );
  const onbuild = commands.find((command) => command.kind === 'onbuild');
  assert.equal(onbuild?.expression, 'RUN <<E\nx\nE');
});

test('F-231: parseDockerfile() takes bytes that are no text in comments only', () => {
  const codes = (bytes: string): string[] =>
    parseDockerfile(Buffer.from(bytes, 'latin1')).diagnostics.map(({ code }) => code);
  assert.deepEqual(codes('# caf\xe9\nFROM a\n'), []);
  assert.deepEqual(codes('FROM a\nCOPY caf\xe9 b\n'), ['TEXT_ENCODING']);
  assert.deepEqual(codes('FROM a\nCOPY <<E b\ncaf\xe9\nE\n'), ['TEXT_ENCODING']);
  assert.ok(codes('\xff\xfeF\0R\0O\0M\0 \0a\0\n\0').includes('TEXT_ENCODING'));
});

test('parseDockerfile() never throws', () => {
  const pieces =
    'FROM a|RUN |COPY |ENV |x=1|"|\\|\n|<<E|E\n|[|]|,|--mount=|#|# escape=`\n|`|ONBUILD |HEALTHCHECK |\r\n|\t| ';
  const text = fc.array(fc.constantFrom(...pieces.split('|')), { maxLength: 30 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(text, fc.string(), fc.uint8Array()), (content) => {
      const file = parseDockerfile(content);
      dumpSyntax(file.nodes);
      for (const node of file.nodes) assert.ok(node.start <= node.end && node.end <= file.source.text.length);
    }),
    { numRuns: 2000 },
  );
});
