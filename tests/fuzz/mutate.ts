import type { Random } from '../support/random.ts';

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
