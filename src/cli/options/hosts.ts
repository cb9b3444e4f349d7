import { isIP } from 'node:net';
import { UsageError } from '../usage-error.ts';

/**
 * `--add-host`: `NAME:ADDRESS` or `NAME=ADDRESS`, an IPv6 address also in brackets, or `host-gateway` for the machine.
 * Gives `name:address`, as docker keeps it.
 * @throws USAGE
 */
export function parseExtraHost(word: string): string {
  const at = word.search(/[:=]/);
  const [name, rest] = [word.slice(0, Math.max(at, 0)), word.slice(at + 1)];
  const address = /^\[(.*)\]$/.exec(rest)?.[1] ?? rest;
  const isAddress = address === 'host-gateway' || isIP(address) !== 0;
  if (at > 0 && isAddress && !/\s/.test(name)) return `${name}:${address}`;
  throw new UsageError(`--add-host ${JSON.stringify(word)} is not a name with an address`, '--add-host NAME:1.2.3.4');
}

/** `--dns`: an address. @throws USAGE */
export function parseResolver(word: string): string {
  if (isIP(word.trim()) !== 0) return word.trim();
  throw new UsageError(`--dns ${JSON.stringify(word)} is not an IP address`);
}

/** `--dns-search` and `--dns-option`: one word of resolv.conf. @throws USAGE */
export function parseResolverWord(flag: string, word: string): string {
  if (word !== '' && !/\s/.test(word)) return word;
  throw new UsageError(`${flag} ${JSON.stringify(word)} is not one word`);
}

/** Those of the ipc namespace, and all of the network's; others would be the machine's (docker's list). */
const SYSCTLS: readonly RegExp[] = [
  /^kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$/,
  /^fs\.mqueue\./,
  /^net\./,
];

/** `--sysctl`: `NAME=VALUE` of a setting that belongs to the container alone. @throws USAGE */
export function parseSysctl(word: string): readonly [name: string, value: string] {
  const [, name = '', value] = /^([^=]*)=(.*)$/s.exec(word) ?? [];
  const isPlain = /^[\w./-]+$/.test(name) && !/(^|[./])\.\.?([./]|$)/.test(name.replaceAll('/', '.'));
  if (value !== undefined && isPlain && SYSCTLS.some((one) => one.test(name.replaceAll('/', '.'))))
    return [name, value];
  throw new UsageError(
    `--sysctl ${JSON.stringify(word)} is not a setting that a container may have`,
    'as NAME=VALUE: those of the network (net.…), kernel.shm…, kernel.msg…, kernel.sem and fs.mqueue.…',
  );
}
