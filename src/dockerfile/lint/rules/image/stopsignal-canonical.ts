import { type Fix, replacement } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

export const stopsignalCanonical: LintRule = {
  id: 'stopsignal-canonical',
  aliases: [],
  topic: 'image',
  severity: 'warning',
  title: 'STOPSIGNAL is a signal that a program can handle, by its full name',
  why: 'SIGKILL and SIGSTOP cannot be handled: with them no program ends in good order. A number or a short name is the same to an engine, not to a reader.',
  bad: 'FROM debian:12\nSTOPSIGNAL SIGKILL',
  good: 'FROM debian:12\nSTOPSIGNAL SIGTERM',
  fix: 'unsafe',
  changes: 'The signal in the config; where only its spelling changes the fix is a safe one.',
  *check({ steps }) {
    for (const { instruction } of steps) {
      if (instruction?.kind !== 'stopsignal') continue;
      const { signal } = instruction;
      const text = signal.text.replace(/^["']|["']$/g, '');
      if (text.includes('$')) continue;
      const name = NUMBERS[text] ?? `SIG${text.toUpperCase().replace(/^SIG/, '')}`;
      const isDeadly = name === 'SIGKILL' || name === 'SIGSTOP';
      if (!isDeadly && (name === text || /^SIG\d+$/.test(name))) continue;
      const wanted = isDeadly ? 'SIGTERM' : name;
      const fix: Fix = {
        title: `write ${wanted}`,
        safety: isDeadly ? 'unsafe' : 'safe',
        effect: 'config',
        edits: [replacement(signal, wanted)],
      };
      const message = isDeadly ? `no program can handle ${name}` : `the full name of this signal is ${name}`;
      yield { message, span: signal, severity: isDeadly ? 'warning' : 'style', fix };
    }
  },
};

const NUMBERS: Readonly<Record<string, string>> = {
  '1': 'SIGHUP',
  '2': 'SIGINT',
  '3': 'SIGQUIT',
  '9': 'SIGKILL',
  '10': 'SIGUSR1',
  '12': 'SIGUSR2',
  '15': 'SIGTERM',
  '19': 'SIGSTOP',
  '28': 'SIGWINCH',
};
