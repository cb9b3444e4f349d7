/**
 * Asks a real docker what it makes of command lines, and writes what the tests of options compare with:
 *
 *     .tools/run tests/containers/record-options.ts DOCKER
 *
 * Each case is options, blanks between words, `~` for a blank in a word. Containers and volumes are removed again. Of a
 * container that is only created, kept is what differs from one without options; of one that runs, what it prints.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Effect, EFFECT_CASES } from './effect-cases.ts';
import { CASES, type Fact, type Facts, wordsOf } from './option-cases.ts';

type Fields = Readonly<Record<string, unknown>>;

const docker = process.argv[2] ?? 'docker';

interface Created {
  readonly HostConfig: Fields;
  readonly Config: Fields;
  readonly Mounts: readonly Fields[];
}

function call(args: readonly string[]): { readonly status: number; readonly output: string; readonly error: string } {
  const { status, stdout, stderr } = spawnSync(docker, args, { encoding: 'utf8' });
  return { status: status ?? -1, output: stdout.trim(), error: stderr.trim() };
}

function create(words: readonly string[]): { readonly fact: Fact; readonly created?: Created } {
  const made = call(['create', ...words, 'busybox', 'true']);
  if (made.status !== 0) return { fact: { options: words, refused: made.error.split('\n')[0] ?? '' } };
  const id = made.output.split('\n').at(-1) ?? '';
  const [created] = JSON.parse(call(['inspect', id]).output) as Created[]; // docker's shape
  call(['rm', '--force', '--volumes', id]);
  if (created === undefined) throw new Error(`${id} cannot be inspected`);
  return { fact: { options: words, ...(made.error !== '' && { warning: made.error }) }, created };
}

function difference(fields: Fields, base: Fields): Fields {
  const differs = Object.entries(fields).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(base[name]),
  );
  return Object.fromEntries(differs.filter(([name]) => name !== 'Hostname'));
}

const plain = create([]).created;
if (plain === undefined) throw new Error('docker cannot make a container of busybox');
const facts: Facts = {
  base: { HostConfig: plain.HostConfig, Config: plain.Config },
  cases: CASES.map((words) => {
    const { fact, created } = create(words);
    if (created === undefined) return fact;
    return {
      ...fact,
      HostConfig: difference(created.HostConfig, plain.HostConfig),
      Config: difference(created.Config, plain.Config),
      Mounts: created.Mounts,
    };
  }),
};
call(['volume', 'rm', '--force', 'vvv', 'www', 'q']);
write('docker-options.json', facts);

const effects = EFFECT_CASES.map(({ options, script }): Effect => {
  const ran = call(['run', '--rm', '--network', 'none', ...wordsOf(options), 'busybox', 'sh', '-c', script]);
  return { options, script, status: ran.status, output: ran.output };
});
write('docker-effects.json', effects);

function write(name: string, value: unknown): void {
  writeFileSync(join(import.meta.dirname, name), `${JSON.stringify(value, null, 1)}\n`);
}
