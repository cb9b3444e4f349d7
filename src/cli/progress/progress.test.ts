import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ShaleError } from '../../base/index.ts';
import { fakeContext, runFake } from '../fake-context.fixture.ts';
import { textWidth } from '../output/text-width.ts';
import type { ProgressEvent } from '../../engine/index.ts';
import { formatExcerpt } from './failure.ts';
import { openProgress } from './open.ts';
import { plainRenderer } from './plain.ts';
import { ttyRenderer } from './tty.ts';
import { LOG_BYTES_MAX, VertexLog } from './vertex-log.ts';

const started = (number: number, name: string, time = 0): ProgressEvent => ({
  kind: 'vertex-started',
  id: `v${number}`,
  number,
  name,
  time,
});
const log = (number: number, text: string, time: number): ProgressEvent => ({
  kind: 'vertex-log',
  id: `v${number}`,
  stream: 'stdout',
  data: Buffer.from(text),
  time,
});
const done = (number: number, time: number, cached = false): ProgressEvent => ({
  kind: 'vertex-done',
  id: `v${number}`,
  cached,
  time,
});

const BUILD: readonly ProgressEvent[] = [
  started(1, '[1/2] FROM alpine', 1000),
  done(1, 1000, true),
  started(2, '[2/2] RUN make', 1000),
  log(2, 'comp', 1123),
  log(2, 'iling\r\n10%\r100%\nlast \u001B[31mred', 1500),
  { kind: 'progress', id: 'v2', what: 'layer', current: 1_000_000, total: 2_000_000, time: 1500 },
  { kind: 'progress', id: 'v2', what: 'layer', current: 1_500_000, total: 2_000_000, time: 1600 },
  { kind: 'progress', id: 'v2', what: 'layer', current: 2_000_000, total: 2_000_000, time: 1700 },
  { kind: 'warning', message: 'careful', time: 1800 },
  done(2, 2234),
  started(3, 'late', 2300),
  { kind: 'vertex-canceled', id: 'v3', time: 2300 },
  done(99, 0),
];

describe('plain progress', () => {
  const render = (events: readonly ProgressEvent[], sanitize = true): string => {
    let text = '';
    const renderer = plainRenderer({ write: (more) => (text += more), sanitize });
    for (const event of events) renderer.event(event);
    renderer.end();
    return text;
  };

  test('plain progress has BuildKit’s grammar', () => {
    assert.equal(
      render(BUILD),
      [
        '#1 [1/2] FROM alpine',
        '#1 CACHED',
        '',
        '#2 [2/2] RUN make',
        '#2 0.500 compiling',
        '#2 0.500 100%',
        '#2 layer 1MB / 2MB',
        '#2 layer 2MB / 2MB done',
        'WARN: careful',
        '#2 0.500 last red',
        '#2 DONE 1.2s',
        '',
        '#3 late',
        '#3 CANCELED',
        '',
        '',
      ].join('\n'),
    );
  });

  test('plain progress leaves a program’s colours alone in a file', () => {
    assert.match(render(BUILD, false), /last \u001B\[31mred\n/);
  });
});

describe('a failing step', () => {
  const events: readonly ProgressEvent[] = [
    started(1, '[2/2] RUN false'),
    ...Array.from({ length: 100 }, (_, index) => log(1, `line ${index}\n`, index)),
    { kind: 'vertex-error', id: 'v1', message: 'exit code: 1', time: 2000 },
  ];

  for (const kind of ['plain', 'quiet', 'tty']) {
    test(`${kind} progress prints the whole log of a failed step again`, async () => {
      const { context, stderr } = fakeContext(kind === 'tty' ? { terminal: { columns: 80, rows: 10 } } : {});
      const progress = openProgress(context, kind);
      for (const event of events) progress.watch.progress?.(event);
      await progress.close();
      await progress.close();
      const text = stderr();
      const again = text.slice(text.lastIndexOf('------\n > [2/2] RUN false:\n'));
      assert.match(again, /^------\n > \[2\/2\] RUN false:\n0\.000 line 0\n[^]*\n0\.099 line 99\n------\n$/);
      assert.equal(again.split('\n').length, 104);
    });
  }

  test('build prints log, excerpt and error, in this order, and ends with 1', async () => {
    const engine = {
      build: async (_request: unknown, watch: { progress?: (event: ProgressEvent) => void }) => {
        for (const event of events) watch.progress?.(event);
        const excerpt = { file: 'Dockerfile', text: 'FROM a\nRUN false\nRUN b\n', firstLine: 2, lastLine: 2 };
        throw new ShaleError('STEP_FAILED', 'RUN false: exit code 1', { data: { excerpt } });
      },
    };
    const { status, stderr, stdout } = await runFake(['build'], { engine: engine as never }); // Only what the command reads.
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(
      stderr,
      /line 99\n------\nDockerfile:2\n-{20}\n {3}1 \| {5}FROM a\n {3}2 \| >>> RUN false\n[^]*-{20}\nshale: RUN false: exit code 1\n$/,
    );
  });

  test('formatExcerpt() marks the lines that are meant, with some around', () => {
    const text = Array.from({ length: 12 }, (_, index) => `L${index + 1}`).join('\r\n');
    assert.equal(
      formatExcerpt({ file: 'D', text, firstLine: 5, lastLine: 6 }),
      'D:5\n--------------------\n   2 |     L2\n   3 |     L3\n   4 |     L4\n   5 | >>> L5\n   6 | >>> L6\n   7 |     L7\n   8 |     L8\n   9 |     L9\n--------------------\n',
    );
  });
});

describe('rawjson progress', () => {
  test('rawjson progress prints every event as a line, output in base64', async () => {
    const { context, stderr } = fakeContext();
    const progress = openProgress(context, 'rawjson');
    for (const event of BUILD) progress.watch.progress?.(event);
    await progress.close();
    const lines = stderr()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; data?: string }); // Made a line above.
    assert.equal(lines.length, BUILD.length);
    assert.equal(Buffer.from(lines[3]?.data ?? '', 'base64').toString(), 'comp');
  });
});

describe('tty progress', () => {
  /** Plays what a display writes on a screen, as far as these displays go. */
  function screenOf(output: string, columns: number): string[] {
    const rows: string[] = [''];
    let row = 0;
    for (const [, escape, end, text = ''] of output.matchAll(/(\u001B\[\d*[A-Za-z]|\r)|(\n)|([^\u001B\n\r]+)/g)) {
      const up = /\u001B\[(\d+)A/.exec(escape ?? '');
      if (up !== null) row = Math.max(0, row - Number(up[1]));
      else if (escape === '\u001B[J') rows.length = row + 1;
      else if (end !== undefined) row++;
      else if (text !== '') rows[row] = text;
      rows[row] ??= '';
      if (escape === '\u001B[J') rows[row] = '';
      assert.ok(textWidth(rows[row] ?? '') <= columns, 'a line wraps');
    }
    return rows.map((line) => line.trimEnd());
  }

  function display(size: { columns: number; rows: number } | undefined): {
    output: () => string;
    frame: () => void;
    event: (event: ProgressEvent) => void;
    end: () => void;
    resize: (to: { columns: number; rows: number } | undefined) => void;
  } {
    let current = size;
    let text = '';
    let frame = (): void => undefined;
    const renderer = ttyRenderer({
      write: (more) => (text += more),
      size: () => current,
      colors: false,
      now: () => 3000,
      everyFrame: (call) => {
        frame = call;
        return () => undefined;
      },
    });
    return { ...renderer, output: () => text, frame: () => frame(), resize: (to) => (current = to) };
  }

  test('tty progress draws steps, times and the last lines of running ones over itself', () => {
    const shown = display({ columns: 50, rows: 20 });
    for (const event of BUILD.slice(0, 4)) shown.event(event);
    shown.frame();
    for (const event of BUILD.slice(4, 6)) shown.event(event);
    shown.frame();
    assert.deepEqual(screenOf(shown.output(), 50), [
      '[+] Building 0.0s (1/2)',
      ' => CACHED [1/2] FROM alpine                  0.0s',
      ' => [2/2] RUN make                            2.0s',
      ' => => layer 1MB / 2MB [==========          ]',
      ' => => # compiling',
      ' => => # 100%',
      '',
    ]);
    for (const event of BUILD.slice(6)) shown.event(event);
    shown.end();
    assert.deepEqual(screenOf(shown.output(), 50), [
      '[+] Building 0.0s (3/3) FINISHED',
      ' => CACHED [1/2] FROM alpine                  0.0s',
      ' => [2/2] RUN make                            1.2s',
      ' => CANCELED late                             0.0s',
      'WARN: careful',
      '',
    ]);
  });

  test('tty progress never uses more rows than there are while it runs', () => {
    const shown = display({ columns: 40, rows: 8 });
    for (let number = 1; number <= 30; number++) shown.event(started(number, `step ${number}`, 0));
    for (let number = 1; number <= 25; number++) shown.event(done(number, 10));
    for (let line = 0; line < 50; line++) shown.event(log(30, `line ${line}\n`, line));
    shown.frame();
    shown.frame();
    const screen = screenOf(shown.output(), 40);
    assert.ok(screen.length <= 8, `${screen.length} rows`);
    assert.match(screen[0] ?? '', /^\[\+\] Building .* \(25\/30\)/);
    assert.ok(screen.some((line) => line.includes('step 30')));
  });

  test('tty progress cuts long and wide lines on narrow terminals', () => {
    for (const columns of [1, 5, 10, 17, 18, 25]) {
      const shown = display({ columns, rows: 10 });
      shown.event(started(1, '日本語 '.repeat(20)));
      shown.event(log(1, `${'x'.repeat(500)}\n`, 5));
      shown.frame();
      screenOf(shown.output(), Math.max(10, columns));
    }
  });

  test('tty progress goes up by wrapped rows when the terminal became narrower', () => {
    const shown = display({ columns: 80, rows: 24 });
    shown.event(started(1, 'a step'));
    shown.frame();
    shown.resize({ columns: 40, rows: 24 });
    shown.frame();
    // A title of one row and a step of 80 columns, which now takes two.
    assert.match(shown.output(), /\u001B\[3A\r/);
  });

  test('tty progress survives the loss of its terminal', () => {
    const shown = display({ columns: 80, rows: 24 });
    shown.event(started(1, 'a step'));
    shown.resize(undefined);
    shown.frame();
    shown.end();
    assert.equal(shown.output(), '');
  });
});

describe('openProgress()', () => {
  const shows = async (kind: string, options: Parameters<typeof fakeContext>[0]): Promise<string> => {
    const { context, stderr } = fakeContext(options);
    const progress = openProgress(context, kind);
    progress.watch.progress?.(started(1, 'step'));
    await progress.close();
    progress.watch.progress?.(started(2, 'too late'));
    return stderr();
  };
  const terminal = { columns: 80, rows: 24 };

  test('openProgress() draws on terminals and prints lines elsewhere', async () => {
    assert.match(await shows('auto', { terminal }), /^\[\+\] Building/);
    assert.equal(await shows('auto', {}), '#1 step\n');
    assert.equal(await shows('tty', {}), '#1 step\n');
    assert.equal(await shows('auto', { terminal, env: { TERM: 'dumb' } }), '#1 step\n');
    assert.equal(await shows('plain', { terminal }), '#1 step\n');
    assert.equal(await shows('quiet', { terminal }), '');
  });
});

describe('VertexLog', () => {
  test('VertexLog puts lines together from chunks, streams apart', () => {
    const vertexLog = new VertexLog();
    assert.deepEqual(vertexLog.add('stdout', Buffer.from('a'), 1), []);
    assert.deepEqual(vertexLog.add('stderr', Buffer.from('e\n'), 2), [{ offsetMs: 2, text: 'e' }]);
    assert.deepEqual(vertexLog.add('stdout', Buffer.from('b\nc'), 3), [{ offsetMs: 3, text: 'ab' }]);
    assert.deepEqual(vertexLog.flush(), [{ offsetMs: 3, text: 'c' }]);
    assert.deepEqual(
      vertexLog.last(2).map((line) => line.text),
      ['ab', 'c'],
    );
  });

  test('VertexLog does not break characters that come in two chunks', () => {
    const vertexLog = new VertexLog();
    const bytes = Buffer.from('é\n');
    vertexLog.add('stdout', bytes.subarray(0, 1), 0);
    assert.equal(vertexLog.add('stdout', bytes.subarray(1), 0)[0]?.text, 'é');
  });

  test('VertexLog keeps beginning and end of a log without end, and says what is missing', () => {
    const vertexLog = new VertexLog();
    const line = `${'x'.repeat(60_000)}\n`;
    const count = Math.ceil((3 * LOG_BYTES_MAX) / line.length);
    for (let index = 0; index < count; index++) vertexLog.add('stdout', Buffer.from(`${index} ${line}`), index);
    const entries = [...vertexLog.entries()];
    assert.match(entries[0]?.text ?? '', /^0 x/);
    assert.match(entries.at(-1)?.text ?? '', new RegExp(`^${count - 1} x`));
    assert.ok(entries.some((entry) => /^\[\d+ lines left out here\]$/.test(entry.text)));
    assert.ok(entries.length * 60_000 < 2 * LOG_BYTES_MAX);
    assert.equal(vertexLog.last(3).length, 3);
  });

  test('VertexLog cuts a line without end', () => {
    const vertexLog = new VertexLog();
    assert.equal(vertexLog.add('stdout', Buffer.alloc(200_000, 'x'), 0).length, 3);
  });
});
