import { isIPv4, isIPv6 } from 'node:net';
import type { Value } from '../value.ts';
import { CallRefused, fixed, variadic, whole, type BakeFunction } from './function.ts';

export const NETWORK_FUNCTIONS: Readonly<Record<string, BakeFunction>> = {
  cidrhost: fixed(['string', 'number'], (prefix, host) => {
    const { address, length, bits } = parsePrefix(prefix);
    const size = 1n << BigInt(bits - length);
    const wanted = BigInt(whole(host, 'the host number'));
    const number = wanted < 0n ? size + wanted : wanted;
    if (number < 0n || number >= size) throw new CallRefused(`${prefix} has no host ${host}`);
    return formatAddress(address + number, bits);
  }),
  cidrnetmask: fixed(['string'], (prefix) => {
    const { length, bits } = parsePrefix(prefix);
    if (bits !== 32) throw new CallRefused(`${prefix} is no IPv4 prefix, and only these have masks`);
    return formatAddress(((1n << BigInt(length)) - 1n) << BigInt(bits - length), bits);
  }),
  cidrsubnet: fixed(['string', 'number', 'number'], (prefix, newBits, number) => {
    const { address, length, bits } = parsePrefix(prefix);
    const wanted = length + whole(newBits, 'the number of bits', 0, bits - length);
    const index = BigInt(whole(number, 'the number of the network', 0));
    if (index >= 1n << BigInt(newBits))
      throw new CallRefused(`${prefix} has no network ${number} with ${newBits} more bits`);
    return `${formatAddress(address + (index << BigInt(bits - wanted)), bits)}/${wanted}`;
  }),
  cidrsubnets: variadic(['string'], 'number', ([prefix], newBits) => subnets(prefix, newBits)),
};

interface Prefix {
  readonly address: bigint;
  readonly length: number;
  readonly bits: number;
}

function parsePrefix(text: string): Prefix {
  const [, address = '', length = ''] = /^([0-9a-fA-F:.]+)\/(\d{1,3})$/.exec(text) ?? [];
  const bits = isIPv4(address) ? 32 : 128;
  if ((bits === 128 && !isIPv6(address)) || length === '' || Number(length) > bits)
    throw new CallRefused(`${JSON.stringify(text)} is no prefix as 10.0.0.0/8`);
  const rest = BigInt(bits - Number(length));
  return { address: (parseAddress(address, bits) >> rest) << rest, length: Number(length), bits };
}

function parseAddress(text: string, bits: number): bigint {
  if (bits === 32) return text.split('.').reduce((all, part) => (all << 8n) | BigInt(part), 0n);
  const plain = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((part) => part.toString(16)).join(':'),
  );
  const [head = '', tail] = plain.split('::');
  const groups = (side: string): string[] => (side === '' ? [] : side.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const missing = tail === undefined ? 0 : 8 - before.length - after.length;
  const all = [...before, ...Array.from({ length: missing }, () => '0'), ...after];
  return all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

function formatAddress(address: bigint, bits: number): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => String((address >> shift) & 0xffn)).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((address >> BigInt(112 - i * 16)) & 0xffffn).toString(16));
  // RFC 5952: the longest run of zeros, of two at least, is left out.
  const runs = Array.from(groups.join(':').matchAll(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g));
  const longest = runs.reduce<RegExpExecArray | undefined>(
    (best, run) => (run[0].length > (best?.[0].length ?? 0) ? run : best),
    undefined,
  );
  if (longest === undefined) return groups.join(':');
  const text = groups.join(':');
  const before = text.slice(0, longest.index).replace(/:$/, '');
  const after = text.slice(longest.index + longest[0].length).replace(/^:/, '');
  return `${before}::${after}`;
}

/** Networks one after the other, each with so many more bits. */
function subnets(prefix: string, newBits: readonly number[]): Value {
  const { address, length, bits } = parsePrefix(prefix);
  const end = address + (1n << BigInt(bits - length));
  let next = address;
  return newBits.map((more) => {
    const wanted = length + whole(more, 'the number of bits', 1, bits - length);
    const size = 1n << BigInt(bits - wanted);
    const start = ((next + size - 1n) / size) * size;
    if (start + size > end) throw new CallRefused(`${prefix} has no room for all of these networks`);
    next = start + size;
    return `${formatAddress(start, bits)}/${wanted}`;
  });
}
