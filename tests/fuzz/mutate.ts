/** Numbers that look random and are the same for one seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 0x9e3779b1) >>> 0;
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }
}

const TOKENS = (
  'FROM |RUN |COPY |ADD |ENV |ARG |LABEL |ONBUILD |HEALTHCHECK |CMD |ENTRYPOINT |EXPOSE |VOLUME |SHELL |USER |WORKDIR |' +
  '--from=|--mount=|--chmod=|--link|--platform=|type=cache,|target=|\\\n|`\n|\n|\r\n|\t| |"|\'|\\|`|$|${|}|:-|:+|:?|#|##|%|//|' +
  '[|]|["|"]|,|=|<<|<<-|<<E|<<"E"|\nE\n|# escape=`\n|# check=skip=|AS |as |# shale:extensions\n|INCLUDE x\n|UNSET ENV |SQUASH BEGIN\n|SQUASH END\n|--if-exists |--no-cache |\0|\ufeff|\u0085|é|\u{1F600}|sha256:|..|/./|*|**|!'
).split('|');
const STEPS_MAX = 6;
const REPEATS_MAX = 400;

/** A file changed in a few places: bytes flipped, cut, doubled, tokens put in, lines swapped, parts of others put in. */
export function mutate(bytes: Buffer, random: Random, others: readonly Buffer[]): Buffer {
  let result = Buffer.from(bytes);
  for (let steps = 1 + random.below(STEPS_MAX); steps > 0; steps--) result = step(result, random, others);
  return result;
}

function step(bytes: Buffer, random: Random, others: readonly Buffer[]): Buffer<ArrayBuffer> {
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
      return insert(Buffer.from((random.pick(TOKENS) ?? '').repeat(1 + random.below(3))));
    case 3:
      return insert(bytes.subarray(at, to));
    case 4:
      return insert(Buffer.from((random.pick(TOKENS) ?? '').repeat(random.below(REPEATS_MAX))));
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
