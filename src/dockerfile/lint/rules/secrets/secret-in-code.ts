import type { LintRule } from '../../rule.ts';

/** Texts that are keys by their form. */
const KEYS: readonly (readonly [string, RegExp])[] = [
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/g],
  ['an access key of AWS', /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g],
  ['a token of GitHub', /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})\b/g],
  ['a token of GitLab', /\bglpat-[A-Za-z0-9_-]{20,}\b/g],
  ['a token of npm', /\bnpm_[A-Za-z0-9]{36}\b/g],
  ['a token of Slack', /\bxox[abprs]-[A-Za-z0-9-]{10,}/g],
  ['a key of Stripe', /\b[sr]k_live_[A-Za-z0-9]{16,}\b/g],
  ['a key of Google', /\bAIza[0-9A-Za-z_-]{35}\b/g],
  [
    'a password in an address',
    /\b(?:https?|ftp|postgres(?:ql)?|mysql|redis|mongodb(?:\+srv)?|amqp):\/\/[^\s:/@"'$]+:[^\s:/@"'$]{3,}@/g,
  ],
];
/** Files that hold keys, by their name. */
const KEY_FILE =
  /(?:^|\/)(?:id_(?:rsa|dsa|ecdsa|ed25519)|\.netrc|\.git-credentials|\.pgpass|\.aws\/credentials|\.docker\/config\.json|\.kube\/config|\.htpasswd|[^/]+\.(?:p12|pfx|jks|keystore)|[^/]*(?:private|secret)[^/]*\.(?:key|pem))$/i;

export const secretInCode: LintRule = {
  id: 'secret-in-code',
  aliases: [],
  topic: 'secrets',
  severity: 'error',
  title: 'no key stands in the file, and none is copied into the image',
  why: 'A layer keeps what was once in it, also when a later step deletes the file. `RUN --mount=type=secret` and `--mount=type=ssh` give a step what it needs and leave nothing behind.',
  bad: 'FROM debian:12\nCOPY id_rsa /root/.ssh/id_rsa\nRUN git clone git@example.com:app',
  good: 'FROM debian:12\nRUN --mount=type=ssh git clone git@example.com:app',
  fix: 'none',
  *check({ steps, dockerfile: { source } }) {
    for (const [what, pattern] of KEYS) {
      for (const match of source.text.matchAll(pattern)) {
        yield { message: `this is ${what}`, span: { start: match.index, end: match.index + match[0].length } };
      }
    }
    for (const { instruction } of steps) {
      if (instruction?.kind !== 'copy' && instruction?.kind !== 'add') continue;
      for (const word of instruction.sources) {
        const name = word.text.replace(/^["']|["']$/g, '');
        if (KEY_FILE.test(name)) yield { message: `${name} holds a key, which stays in the layer`, span: word };
      }
    }
  },
};
