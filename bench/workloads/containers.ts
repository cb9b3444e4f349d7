import { run } from '../measure.ts';
import type { Command, Contender, Row, Workload } from '../types.ts';

const IMAGE = 'busybox:latest';
const ON = ['--network', 'none', IMAGE] as const;
const SLEEP = ['sleep', '100000'] as const;
const AT_ONCE = '10';

/** Containers that run, and what is asked of them. For contenders that have docker's words for it. */
export const containers: Workload = {
  name: 'containers',
  rows: () => [
    rowOf({
      name: 'exec-true',
      title: '`exec CONTAINER true`',
      rounds: 11,
      make: (words) => [words('run', '-d', '--name', 'bench-exec', ...ON, ...SLEEP)],
      command: (words) => words('exec', 'bench-exec', 'true'),
      remove: (words) => [words('rm', '-f', 'bench-exec')],
    }),
    rowOf({
      name: 'start-100',
      title: '100 containers started and removed, ten at a time',
      command: (words) =>
        inOne(
          forEach(100, words('run', '-d', '--name', 'bench-{}', ...ON, ...SLEEP)),
          forEach(100, words('rm', '-f', 'bench-{}')),
        ),
    }),
    rowOf({
      name: 'diff-5000',
      title: '`diff` of 5,000 changed files',
      make: (words) => [words('run', '--name', 'bench-diff', ...ON, 'sh', '-c', MAKE_FILES)],
      command: (words) => words('diff', 'bench-diff'),
      remove: (words) => [words('rm', 'bench-diff')],
    }),
    rowOf({
      name: 'commit-5000',
      title: '`commit` of 5,000 changed files',
      make: (words) => [words('run', '--name', 'bench-commit', ...ON, 'sh', '-c', MAKE_FILES)],
      command: (words) => words('commit', 'bench-commit', 'bench/commit:1'),
      remove: (words) => [words('rm', 'bench-commit'), words('rmi', '-f', 'bench/commit:1')],
    }),
    rowOf({
      name: 'logs-1gb',
      title: '`logs` of 1 GB',
      rounds: 3,
      make: (words) => [
        inOne(words('run', '--name', 'bench-logs', '--log-opt', 'max-size=2g', ...ON, 'sh', '-c', PRINT_1GB)),
      ],
      command: (words) => inOne(words('logs', 'bench-logs')),
      remove: (words) => [words('rm', 'bench-logs')],
    }),
    rowOf({
      name: 'ps-1000',
      title: '`ps -a` of 1,000 containers',
      make: (words) => [forEach(1000, words('create', '--name', 'bench-{}', ...ON, 'true'))],
      command: (words) => words('ps', '-a'),
      remove: (words) => [forEach(1000, words('rm', 'bench-{}'))],
    }),
  ],
};

const MAKE_FILES = 'mkdir /new; for i in $(seq 5000); do echo $i > /new/$i; done';
const PRINT_1GB = `yes ${'x'.repeat(99)} | head -n 10000000`;

type Words = (...args: readonly string[]) => Command;

interface Parts extends Pick<Row, 'name' | 'title'> {
  readonly rounds?: number;
  /** What each contender is given once, before the row. */
  readonly make?: (words: Words) => readonly Command[];
  readonly command: (words: Words) => Command;
  readonly remove?: (words: Words) => readonly Command[];
}

function rowOf({ name, title, rounds = 5, make, command, remove }: Parts): Row {
  const made = new Set<Contender | 'limit'>();
  return {
    name,
    title,
    warmups: 1,
    rounds,
    goal: '≤ a third of docker',
    prepare(contender) {
      if (contender === 'limit' || contender.containers === undefined || made.has(contender)) return;
      made.add(contender);
      // Of an earlier run that was cut short.
      for (const one of remove?.(contender.containers) ?? []) run(one, { mayFail: true });
      for (const one of make?.(contender.containers) ?? []) run(one);
    },
    command: ({ containers: words }) => (words === undefined ? undefined : command(words)),
    finish(contender) {
      if (contender.containers === undefined) return;
      for (const one of remove?.(contender.containers) ?? []) run(one, { mayFail: true });
    },
  };
}

/** Commands one after the other, as one that is measured; what they print goes nowhere. */
function inOne(...commands: readonly Command[]): Command {
  const lines = commands.map(({ args }) => args.map(quote).join(' '));
  return { ...commands[0], args: ['sh', '-c', `{ ${lines.join(' && ')}; } >/dev/null`] };
}

/** A command so many times, ten at a time, with its number for `{}`. */
function forEach(times: number, { args, ...rest }: Command): Command {
  const words = args.map(quote).join(' ');
  return { ...rest, args: ['sh', '-c', `seq ${times} | xargs -P ${AT_ONCE} -I '{}' ${words} >/dev/null`] };
}

function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
