import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { noTerminals, Terminal, type TerminalOptions } from '../support/terminal.ts';

const root = join(import.meta.dirname, '../..');
const PROGRAM = ['--disable-warning=ExperimentalWarning', join(root, 'src/cli/stand-in-engine.fixture.ts')];
const EXPLORE = [process.execPath, ...PROGRAM, 'explore', 'web'].map((word) => `'${word}'`).join(' ');
const SIZE: TerminalOptions = { columns: 100, rows: 24, env: { TERM: 'xterm-256color' } };
const INITIAL_MODES = ['?25', '?7'];

describe('shale explore in a terminal', { skip: noTerminals }, () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'shale-explore-terminal-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** The terminal stays after the program, until something is typed. */
  const explore = (options: TerminalOptions = SIZE, how = EXPLORE): Terminal =>
    new Terminal(`cd '${folder}'; echo before; ${how}; echo STATUS $?; read x`, options);

  const expectGivenBack = (terminal: Terminal): void => {
    assert.deepEqual([...terminal.emulator.modes].toSorted(), INITIAL_MODES);
    assert.equal(terminal.isCooked(), true);
  };

  test('shale explore takes the whole terminal, follows its size, and gives it back', async () => {
    await using terminal = explore();
    await terminal.shows('Layers (4)', 'efficiency');
    assert.deepEqual([terminal.emulator.isAlternate, terminal.isCooked()], [true, false]);
    terminal.type('\t\u0000');
    await terminal.shows('└─ passwd');
    terminal.resize(50, 10);
    await terminal.until((screen) => !screen.includes('Layers (4)') && /\nFiles: what| Files: what/.test(screen));
    terminal.resize(120, 40);
    await terminal.shows('Layers (4)', '└─ passwd', 'Debian GNU/Linux 12');
    terminal.type('q');
    await terminal.shows('STATUS 0');
    expectGivenBack(terminal);
  });

  test('shale explore stands a storm of resizes and keys', async () => {
    await using terminal = explore();
    await terminal.shows('Layers (4)');
    for (let round = 0; round < 40; round++) {
      terminal.resize(20 + ((round * 37) % 110), 3 + ((round * 13) % 45));
      if (round % 3 === 0) terminal.type('\t\u001B[B\u0000w?qq');
    }
    terminal.resize(100, 30);
    terminal.type('\u001B');
    // What comes at once behind an escape is a key with Alt.
    await delay(500);
    await terminal.shows('Layers (4)', 'Files: what', /\? help/);
    terminal.type('q');
    await terminal.shows('STATUS 0');
    expectGivenBack(terminal);
  });

  test('the keys of dive and ours lead through all that there is', async () => {
    await using terminal = explore();
    await terminal.shows('Layers (4)');
    terminal.type('\u0001');
    await terminal.shows('what layers 1 to 3 change');
    terminal.type('\u001B[A\u001B[A\f');
    await terminal.shows('what layer 1 changes');
    terminal.type('?');
    await terminal.shows('Keys', 'Everywhere');
    terminal.type('\u001B');
    await terminal.shows('Layers (4)');
    terminal.type('w');
    await terminal.shows('Waste', '/var/lib/apt/lists');
    terminal.type('q/passwd\r');
    await terminal.shows(/63B +│? *│  └─ passwd  content|└─ passwd  content/);
    terminal.type('\r');
    await terminal.shows('1 root:x:0:0');
    terminal.type('/daemon\r');
    await terminal.shows('find: daemon');
    terminal.type('d');
    await terminal.shows('+daemon:x:1:1');
    terminal.type('x\u0015written\r');
    await terminal.shows('written: written (');
    assert.match(readFileSync(join(folder, 'written'), 'utf8'), /^root:x:0:0/);
    terminal.type('x\u0015written\r');
    await terminal.shows('EEXIST');
    terminal.type('q');
    await terminal.until((screen) => !screen.includes('EEXIST') && screen.includes('find: daemon'));
    terminal.type('\u0003');
    await terminal.shows('STATUS 0');
    expectGivenBack(terminal);
  });

  test('names in an image cannot act upon the terminal', async () => {
    await using terminal = explore();
    await terminal.shows('Layers (4)');
    // The emulator of the tests throws for every sequence that shale has no reason to send.
    terminal.type('\u001B[A\t\u0000\u0015');
    await terminal.shows(String.raw`\x1B[2Jx\n`, '日本.txt');
    terminal.type('q');
    await terminal.shows('STATUS 0');
  });

  for (const [signal, status] of [
    ['INT', 130],
    ['TERM', 143],
    ['HUP', 129],
    ['QUIT', 0],
  ] as const) {
    test(`shale explore gives the terminal back after SIG${signal}`, async () => {
      const pid = join(folder, `pid-${signal}`);
      await using terminal = explore(SIZE, `sh -c 'echo $$ > ${pid}; exec "$@"' sh ${EXPLORE}`);
      await terminal.shows('Layers (4)');
      process.kill(Number(readFileSync(pid, 'utf8')), `SIG${signal}`);
      await terminal.shows(`STATUS ${status}`);
      expectGivenBack(terminal);
    });
  }

  test('shale explore ends when its terminal is gone', async () => {
    const pid = join(folder, 'pid-gone');
    {
      await using terminal = explore(SIZE, `sh -c 'echo $$ > ${pid}; exec "$@"' sh ${EXPLORE}`);
      await terminal.shows('Layers (4)');
    }
    const path = `/proc/${readFileSync(pid, 'utf8').trim()}`;
    for (let waited = 0; existsSync(path) && waited < 20_000; waited += 50) await delay(50);
    assert.equal(existsSync(path), false);
  });

  test('shale explore gives the terminal back when it fails, and says why below', async () => {
    await using terminal = explore({ ...SIZE, env: { ...SIZE.env, STAND_IN: 'exploding' } });
    await terminal.shows('Layers (4)');
    terminal.type('\u001B[A');
    await terminal.shows('it exploded', 'STATUS 1');
    expectGivenBack(terminal);
  });

  test(
    'Ctrl-Z stops it with the terminal given back, and fg continues',
    { skip: !existsSync('/bin/bash') },
    async () => {
      const inner = `${EXPLORE}; echo STOPPED; read -r y; fg; echo STATUS $?`.replaceAll("'", '"');
      await using terminal = explore(SIZE, `bash -mc '${inner}'`);
      await terminal.shows('Layers (4)');
      terminal.type('\t\u0000');
      await terminal.shows('└─ passwd');
      terminal.type('\u001A');
      await terminal.shows('STOPPED');
      expectGivenBack(terminal);
      terminal.type('\r');
      await terminal.shows('Layers (4)', '└─ passwd');
      assert.equal(terminal.isCooked(), false);
      terminal.type('q');
      await terminal.shows('STATUS 0');
      expectGivenBack(terminal);
    },
  );

  test('Ctrl-Z stops nothing where no shell could continue it', async () => {
    await using terminal = explore();
    await terminal.shows('Layers (4)');
    terminal.type('\u001A\t\u0000');
    await terminal.shows('└─ passwd');
    terminal.type('q');
    await terminal.shows('STATUS 0');
  });

  test('without a terminal that can place its cursor the summary is printed', async () => {
    for (const [env, how] of [
      [{ TERM: 'dumb' }, EXPLORE],
      [{ TERM: 'xterm' }, `${EXPLORE} < /dev/null`],
      [{ TERM: 'xterm' }, `${EXPLORE} | cat`],
    ] as const) {
      await using terminal = explore({ columns: 120, rows: 200, env }, how);
      await terminal.shows('RUN adduser daemon', 'STATUS 0');
      assert.equal(terminal.text.includes('\u001B[?1049h'), false);
    }
  });

  test('two images show what differs, and the second one behind it', async () => {
    await using terminal = explore(SIZE, `${EXPLORE} other`);
    await terminal.shows('sample → sample', 'the lowest 4 the same');
    terminal.type('q');
    await terminal.shows('Layers (4)');
    terminal.type('c');
    await terminal.shows('sample → sample');
    terminal.type('qq');
    await terminal.shows('STATUS 0');
  });

  test('NO_COLOR and old terminals get no colours, but all the rest', async () => {
    for (const env of [
      { TERM: 'xterm', NO_COLOR: '1' },
      { TERM: 'vt220', NO_COLOR: '' },
    ]) {
      await using terminal = explore({ ...SIZE, env });
      await terminal.shows('Layers (4)');
      terminal.type('q');
      await terminal.shows('STATUS 0');
      assert.doesNotMatch(terminal.text, /\u001B\[[\d;]*\b(?:3[0-7]|[34]8;5|9[0-7])[;m]/);
    }
  });
});
