import { scriptsOf } from '../../look.ts';
import type { LintRule } from '../../rule.ts';

const USELESS: ReadonlySet<string> = new Set([
  'ssh',
  'vim',
  'vi',
  'nano',
  'emacs',
  'shutdown',
  'reboot',
  'service',
  'systemctl',
  'ps',
  'free',
  'top',
  'htop',
  'kill',
  'killall',
  'mount',
  'umount',
  'ifconfig',
  'iptables',
  'less',
  'more',
]);

export const runUselessCommand: LintRule = {
  id: 'run-useless-command',
  aliases: ['DL3001'],
  topic: 'shell',
  severity: 'info',
  title: 'a step runs no program that does nothing in a build',
  why: 'A build has no terminal, no services, no other processes and no rights over mounts: what `service start` starts ends with the step, and `mount` fails.',
  bad: 'FROM debian:12\nRUN service nginx start',
  good: 'FROM debian:12\nCMD ["nginx", "-g", "daemon off;"]',
  fix: 'none',
  *check(file) {
    for (const { script } of scriptsOf(file)) {
      for (const { name, word, args } of script.invocations) {
        if (!USELESS.has(name)) continue;
        // Asking for a version, and links that systemd would make, are files' matters.
        if (
          name === 'systemctl' &&
          args.some(({ text }) => /^(?:enable|disable|mask|unmask|preset|set-default|--root)/.test(text))
        )
          continue;
        if (args.some(({ text }) => /^(?:-V|--version|--help)$/.test(text))) continue;
        yield { message: `${name} does nothing in a build`, span: word };
      }
    }
  },
};
