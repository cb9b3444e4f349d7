import type { Random } from '../support/random.ts';

/** Of Dockerfiles. */
const TOKENS: readonly string[] = (
  'FROM |RUN |COPY |ADD |ENV |ARG |LABEL |ONBUILD |HEALTHCHECK |CMD |ENTRYPOINT |EXPOSE |VOLUME |SHELL |USER |WORKDIR |' +
  '--from=|--mount=|--chmod=|--link|--platform=|type=cache,|target=|\\\n|`\n|\n|\r\n|\t| |"|\'|\\|`|$|${|}|:-|:+|:?|#|##|%|//|' +
  '[|]|["|"]|,|=|<<|<<-|<<E|<<"E"|\nE\n|# escape=`\n|# check=skip=|AS |as |# shale:extensions\n|INCLUDE x\n|UNSET ENV |SQUASH BEGIN\n|SQUASH END\n|--if-exists |--no-cache |\0|\ufeff|\u0085|é|\u{1F600}|sha256:|..|/./|*|**|!'
).split('|');
const STEPS_MAX = 6;
const REPEATS_MAX = 400;

/** Numbers at which lengths, counts and offsets go wrong. */
const EDGES = [
  0, 1, 7, 8, 127, 128, 255, 256, 511, 512, 513, 4095, 4096, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
];

export interface Material {
  /** Other files of the kind, parts of which are put in. */
  readonly others: readonly Buffer[];
  /** What has a meaning in the format. Default: that of Dockerfiles. */
  readonly tokens?: readonly string[];
  /** The format has numbers in bytes. */
  readonly binary?: boolean;
}

/** A file changed in a few places: bytes flipped, cut, doubled, tokens put in, lines swapped, parts of others put in. */
export function mutate(bytes: Buffer, random: Random, others: readonly Buffer[] | Material): Buffer {
  const material: Material = 'others' in others ? others : { others };
  let result = Buffer.from(bytes);
  for (let steps = 1 + random.below(STEPS_MAX); steps > 0; steps--)
    result =
      material.binary === true && random.below(2) === 0 ? number(result, random) : step(result, random, material);
  return result;
}

/** A number written over, in either byte order, at a place where one may stand. */
function number(bytes: Buffer, random: Random): Buffer<ArrayBuffer> {
  const result = Buffer.from(bytes);
  const width = random.pick([1, 2, 4, 8]) ?? 1;
  if (result.length < width) return result;
  const at = Math.min(random.below(result.length), result.length - width);
  const value = random.below(2) === 0 ? (random.pick(EDGES) ?? 0) : random.below(2 ** 32);
  const fitting = BigInt.asUintN(width * 8, BigInt(value) * (random.below(8) === 0 ? -1n : 1n));
  const little = random.below(2) === 0;
  for (let i = 0; i < width; i++)
    result[little ? at + i : at + width - 1 - i] = Number((fitting >> BigInt(8 * i)) & 0xffn);
  return result;
}

function step(bytes: Buffer, random: Random, { others, tokens = TOKENS }: Material): Buffer<ArrayBuffer> {
  const at = random.below(bytes.length + 1);
  const to = Math.min(bytes.length, at + random.below(40));
  const insert = (more: Uint8Array): Buffer<ArrayBuffer> =>
    Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);
  switch (random.below(7)) {
    case 0:
      return insert(Buffer.from([random.below(256)]));
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
    case 2:
      return insert(Buffer.from((random.pick(tokens) ?? '').repeat(1 + random.below(3))));
    case 3:
      return insert(bytes.subarray(at, to));
    case 4:
      return insert(Buffer.from((random.pick(tokens) ?? '').repeat(random.below(REPEATS_MAX))));
    case 5: {
      const other = random.pick(others) ?? bytes;
      const from = random.below(other.length);
      return insert(other.subarray(from, from + random.below(200)));
    }
    default:
      return swapLines(bytes, random);
  }
}

function swapLines(bytes: Buffer, random: Random): Buffer<ArrayBuffer> {
  const lines = bytes.toString('latin1').split('\n');
  const [a, b] = [random.below(lines.length), random.below(lines.length)];
  [lines[a], lines[b]] = [lines[b] ?? '', lines[a] ?? ''];
  return Buffer.from(lines.join('\n'), 'latin1');
}
