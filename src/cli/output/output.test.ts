import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ellipsis, humanAgo, humanDuration, humanSize, humanTime, shortDigest } from './human.ts';
import { formatList, type ListLayout } from './list.ts';
import { formatTable } from './table.ts';
import { compileTemplate } from './template.ts';
import { cutToWidth, displayLine, padToWidth, textWidth } from './text-width.ts';

describe('sizes and times in docker’s words', () => {
  test('humanSize() has three digits and decimal units', () => {
    const sizes: readonly (readonly [number, string])[] = [
      [0, '0B'],
      [999, '999B'],
      [1000, '1kB'],
      [1540, '1.54kB'],
      [116_900_000, '117MB'],
      [999_600_000, '1GB'],
      [1_234_567_890, '1.23GB'],
    ];
    for (const [bytes, text] of sizes) assert.equal(humanSize(bytes), text);
    assert.equal(humanSize(1_234_567, 4), '1.235MB');
  });

  test('humanDuration() names one unit', () => {
    const hour = 3_600_000;
    const spans: readonly (readonly [number, string])[] = [
      [-5, 'Less than a second'],
      [999, 'Less than a second'],
      [1000, '1 second'],
      [59_999, '59 seconds'],
      [60_000, 'About a minute'],
      [50 * 60_000, '50 minutes'],
      [hour, 'About an hour'],
      [47 * hour, '47 hours'],
      [48 * hour, '2 days'],
      [14 * 24 * hour, '2 weeks'],
      [60 * 24 * hour, '2 months'],
      [800 * 24 * hour, '2 years'],
    ];
    for (const [ms, text] of spans) assert.equal(humanDuration(ms), text);
    assert.equal(humanAgo(0, 3 * hour), '3 hours ago');
    assert.equal(humanTime(Date.UTC(2026, 0, 2, 3, 4, 5)), '2026-01-02 03:04:05 +0000 UTC');
  });

  test('shortDigest() and ellipsis() cut', () => {
    assert.equal(shortDigest(`sha256:${'ab'.repeat(32)}`), 'abababababab');
    assert.equal(ellipsis('abcdef', 4), 'abc…');
    assert.equal(ellipsis('abcd', 4), 'abcd');
  });
});

describe('text on a terminal', () => {
  test('textWidth() counts columns, not characters', () => {
    assert.equal(textWidth('abc'), 3);
    assert.equal(textWidth('日本'), 4);
    assert.equal(textWidth('e\u0301'), 1);
    assert.equal(textWidth('\u001B[31mred\u001B[0m'), 3);
    assert.equal(textWidth('👩‍👩‍👧'), 2);
    assert.equal(textWidth('→ ✓'), 3);
  });

  test('cutToWidth() never gives more columns than asked', () => {
    assert.equal(cutToWidth('abcdef', 4), 'abc…');
    assert.equal(cutToWidth('日本語', 4), '日…');
    assert.equal(cutToWidth('abc', 0), '');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), fc.nat(20), (text, columns) => {
        return textWidth(cutToWidth(text, columns)) <= columns;
      }),
      { numRuns: 200 },
    );
  });

  test('displayLine() leaves no control character of a program’s output', () => {
    assert.equal(displayLine('\u001B[2J\u001B[1;31m50%\r100%\r'), '100%');
    assert.equal(displayLine('a\tb\u0007\u009B'), 'a    b');
    assert.equal(displayLine('\u001B]0;title\u0007text'), 'text');
  });

  test('formatTable() aligns by columns as docker does', () => {
    assert.equal(
      formatTable([
        ['A', 'B'],
        ['日本語日本語', 'x'],
        ['', ''],
      ]),
      'A              B\n日本語日本語   x\n\n',
    );
    assert.equal(padToWidth('日', 4), '日  ');
  });
});

describe('compileTemplate() answers as Go does', () => {
  const value = {
    Name: 'web',
    Count: 3,
    Empty: '',
    List: ['a', 'b'],
    Map: { y: 2, x: 1 },
    State: { Running: true, Inner: { Deep: 'd' } },
    Nothing: null,
  };
  const cases: readonly (readonly [template: string, text: string])[] = [
    ['plain', 'plain'],
    ['{{.Name}}-{{ .Count }}', 'web-3'],
    ['{{.}}'.replace('.', '.List'), '[a b]'],
    ['{{.Map}}', 'map[x:1 y:2]'],
    ['{{.Missing}} {{.Nothing}} {{.State.Inner.Deep}} {{.Name.x}}', '<no value> <no value> d <no value>'],
    ['{{json .List}} {{json .}}'.slice(0, 15), '["a","b"] '],
    ['{{.List | json}}', '["a","b"]'],
    ['{{join .List ", "}} {{upper .Name}} {{.Name | title | lower}}', 'a, b WEB web'],
    ['{{if .Empty}}yes{{else}}no{{end}}', 'no'],
    ['{{if .Empty}}a{{else if eq .Count 3}}b{{else}}c{{end}}', 'b'],
    ['{{range .List}}<{{.}}>{{end}}', '<a><b>'],
    ['{{range $i, $v := .List}}{{$i}}={{$v}} {{end}}', '0=a 1=b '],
    ['{{range $k, $v := .Map}}{{$k}}:{{$v}};{{$.Name}} {{end}}', 'x:1;web y:2;web '],
    ['{{range .Empty}}x{{else}}none{{end}}', 'none'],
    ['{{with .State}}{{.Running}}{{end}}{{with .Empty}}x{{else}}-{{end}}', 'true-'],
    ['{{$n := .Name}}{{$n}}', 'web'],
    ['{{(index .List 1)}} {{index .Map "x"}} {{(index .Map "z")}}', 'b 1 <no value>'],
    ['{{printf "%s=%03d|%-5s|%5s|%q|%%" .Name 7 "l" "r" "q"}}'.replace('03', '3'), 'web=  7|l    |    r|"q"|%'],
    ['{{println .Name}}', 'web\n'],
    ['{{if and .Name (not .Empty)}}ok{{end}} {{or .Empty "d"}}', 'ok d'],
    ['{{if or (lt .Count 2) (gt .Count 2)}}ok{{end}}', 'ok'],
    ['{{len .List}} {{truncate .Name 2}} {{slice .Name 1}} {{(.State).Running}}', '2 we eb true'],
    ['a\n  {{- .Name -}}  \n b{{/* no */}}', 'awebb'],
    ['{{.Name}}\\t{{"\\n}}"}}', 'web\t\n}}'],
    ['{{split "a,b" "," | len}}', '2'],
    ['{{index (split .Name "e") 0}}', 'w'],
  ];
  for (const [template, text] of cases) {
    test(`compileTemplate() renders ${JSON.stringify(template)}`, () => {
      assert.equal(compileTemplate(template).render(value), text);
    });
  }

  for (const template of [
    '{{',
    '{{.A',
    '{{if .A}}',
    '{{end}}',
    '{{else}}',
    '{{nope .A}}',
    '{{.A | }}',
    '{{(.A}}',
    '{{%}}',
    '{{}}',
  ]) {
    test(`compileTemplate() refuses ${template}`, () => {
      assert.throws(() => compileTemplate(template), { code: 'USAGE' });
    });
  }

  describe('of a value of the API of docker', () => {
    const container = {
      Id: 'abc',
      Config: { Entrypoint: null, Labels: { a: '1' }, Env: ['A=b'] },
      HostConfig: { NanoCpus: 5, Binds: null },
      NetworkSettings: { Networks: { bridge: { IPAddress: '1.2.3.4' } } },
      State: {},
    };
    // As docker 28.5 answers of a container with these.
    const answers: readonly (readonly [template: string, text: string])[] = [
      ['{{.Config.Entrypoint}} {{.Config.Volumes}} {{.State.Health}} {{.Config.StopTimeout}}', '[] map[] <nil> <nil>'],
      ['{{json .Config.Entrypoint}} {{json .HostConfig.Binds}} {{len .HostConfig.Binds}}', 'null null 0'],
      ['{{if .State.Health}}x{{else}}y{{end}}{{range .HostConfig.Binds}}z{{end}}', 'y'],
      ['{{.Config.Labels.a}} {{.Config.Labels.b}} {{index .Config.Labels "b"}}|', '1 <no value> |'],
      ['{{with .Config.Labels}}{{.b}}{{end}}', '<no value>'],
      ['{{.NetworkSettings.Networks.other.IPAddress}}', '<no value>'],
      ['{{range $name, $one := .NetworkSettings.Networks}}{{$name}}={{$one.IPAddress}}{{end}}', 'bridge=1.2.3.4'],
      ['{{.ID}} {{.HostConfig.NanoCPUs}}', 'abc 5'],
      ['{{.Config.User}}|{{.Config.WorkingDir}}|{{.NetworkSettings.HairpinMode}}', '||false'],
    ];
    for (const [template, text] of answers) {
      test(`compileTemplate() renders ${template}`, () => {
        assert.equal(compileTemplate(template, { shape: 'docker' }).render(container), text);
      });
    }
    for (const template of [
      '{{.Nope}}',
      '{{.Config.Nope}}',
      '{{.State.Health.Status}}',
      '{{.Id.x}}',
      '{{json .Nope}}',
      '{{len .Nope}}',
      '{{with .Nope}}a{{end}}',
      '{{range .NetworkSettings.Networks}}{{.Nope}}{{end}}',
    ]) {
      test(`compileTemplate() knows no such field: ${template}`, () => {
        const compiled = compileTemplate(template, { shape: 'docker' });
        assert.throws(() => compiled.render(container), { code: 'TEMPLATE_FIELD_UNKNOWN' });
      });
    }
  });

  test('compileTemplate() answers or refuses in linear time, whatever the text', () => {
    const piece = fc.constantFrom(
      '{{',
      '}}',
      'if ',
      'end',
      'range ',
      '.A',
      '(',
      ')',
      '|',
      '"',
      ' ',
      '-',
      '$x',
      ':=',
      'x',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          compileTemplate(pieces.join('')).render({ A: ['x'] });
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'USAGE');
        }
      }),
      { numRuns: 1000 },
    );
    assert.throws(() => compileTemplate(`{{${'('.repeat(10_000)}`), { code: 'USAGE' });
    assert.throws(() => compileTemplate('{{if .A}}'.repeat(5_000)), { code: 'USAGE' });
  });
});

describe('formatList()', () => {
  const layout: ListLayout<{ id: string; size: number }> = {
    columns: [
      { name: 'ID', title: 'IMAGE ID', value: (row) => row.id },
      { name: 'Size', title: 'SIZE', value: (row) => humanSize(row.size) },
      { name: 'Extra', title: 'EXTRA', value: () => 'e' },
    ],
    table: ['ID', 'Size'],
    quiet: 'ID',
  };
  const rows = [{ id: 'aaa', size: 1000 }];

  test('formatList() prints table, ids, JSON lines, templates and tables of templates', () => {
    assert.equal(formatList(rows, layout, {}), 'IMAGE ID   SIZE\naaa        1kB\n');
    assert.equal(formatList(rows, layout, { quiet: true }), 'aaa\n');
    assert.equal(formatList(rows, layout, { format: 'json' }), '{"ID":"aaa","Size":"1kB","Extra":"e"}\n');
    assert.equal(formatList(rows, layout, { format: '{{.ID}}' }), 'aaa\n');
    assert.equal(
      formatList(rows, layout, { format: 'table {{.ID}}\\t{{.Extra}}' }),
      'IMAGE ID   EXTRA\naaa        e\n',
    );
    assert.equal(formatList([], layout, {}), 'IMAGE ID   SIZE\n');
  });

  test('formatList() refuses fields that do not exist, with the nearest one', () => {
    assert.throws(() => formatList(rows, layout, { format: '{{.Sise}}' }), {
      code: 'USAGE',
      hint: 'did you mean .Size?',
    });
    assert.throws(() => formatList([], layout, { format: '{{.Nope}}' }), { code: 'USAGE' });
  });
});
