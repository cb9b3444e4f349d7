/** Safe fixes leave the root file system as it is: shown by building before and after. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fixFile, verifyFix } from '../../src/lint/index.ts';
import { BUSYBOX, cannotRun, Lab } from '../support/lab.ts';

const skip = cannotRun || BUSYBOX.missing;
const isLong = process.env['SHALE_TEST_LONG'] === '1';
/** Every n-th case is built where the long tests are not asked for. */
const SHARE = 6;

/** A package manager that needs no network: `install` makes a file for each package, and lists and caches are as theirs. */
const MANAGER = `#!/bin/sh
name=\${0##*/}; name=\${name%-get}
verb=
mkdir -p /var/cache/$name /opt/installed
for word; do
  case $word in
    -*) ;;
    *) if [ -z "$verb" ]; then verb=$word; elif [ "$verb" = install ]; then echo "$word" > "/opt/installed/$word"; fi ;;
  esac
done
case $verb in
  update) mkdir -p /var/lib/apt/lists && echo list > /var/lib/apt/lists/main ;;
  install) echo cached > /var/cache/$name/packages ;;
  clean) rm -rf /var/cache/$name ;;
esac
`;
const WGET = '#!/bin/sh\nfor word; do :; done\necho "$word" > /opt/fetched\n';

/** Instructions with the rule whose fix they need; each stands below a base that has the programs. */
const SAME: readonly (readonly [rule: string, text: string])[] = [
  ['legacy-key-value', 'ENV GREETING hello world\nRUN echo "$GREETING" > /greeting'],
  ['legacy-key-value', 'ENV NAME value\nCOPY a /$NAME'],
  ['legacy-key-value', 'LABEL description some words'],
  ['legacy-key-value', "ENV QUOTED 'a b'\nRUN echo $QUOTED > /quoted"],
  ['instruction-casing', 'RUN echo 1 > /1\ncopy a /b'],
  ['instruction-casing', 'COPY a /b\nWorkdir /x\nRUN pwd > /pwd'],
  ['no-empty-continuation', 'RUN echo a > /a \\\n\n    && echo b > /b'],
  ['no-empty-continuation', 'RUN echo a \\\n  # words\n\n  b > /c'],
  ['maintainer-deprecated', 'MAINTAINER Ada <ada@example.com>\nCOPY a /a'],
  ['multiple-instructions', 'CMD ["a"]\nCOPY a /a\nCMD ["b"]'],
  ['multiple-instructions', 'ENTRYPOINT ["a"]\nENTRYPOINT ["b"]\nRUN echo x > /x'],
  ['multiple-instructions', 'HEALTHCHECK NONE\nCOPY a /a\nHEALTHCHECK CMD true'],
  ['json-args', 'COPY a /a\nCMD sleep 5'],
  ['json-args', 'ENTRYPOINT /bin/sh /a "b c"'],
  ['workdir-relative', 'WORKDIR /deep\nWORKDIR er\nRUN pwd > here'],
  ['workdir-relative', 'WORKDIR /deep/\nWORKDIR ./x/y\nCOPY a .'],
  ['add-instead-of-copy', 'ADD a /added'],
  ['add-instead-of-copy', 'ADD --chmod=0750 dir/ /dir/'],
  ['add-instead-of-copy', 'ADD ["a", "dir", "/both/"]'],
  ['expose-proto-casing', 'EXPOSE 80/TCP 53/udp\nCOPY a /a'],
  ['expose-format', 'EXPOSE 8080:80\nRUN echo x > /x'],
  ['stopsignal-canonical', 'STOPSIGNAL term\nCOPY a /a'],
  ['stopsignal-canonical', 'STOPSIGNAL 2\nRUN echo x > /x'],
  ['unused-ignore', '# shale:ignore run-sudo -- not any more\nCOPY a /a'],
  ['apt-use-apt-get', 'RUN apt install -y curl=1'],
  ['apt-use-apt-get', 'RUN for p in a b; do apt install -y $p; done'],
  ['apt-use-apt-get', 'RUN <<E\nset -e\napt install -y x=1\nE'],
  ['apt-assume-yes', 'RUN apt-get install curl=1 git=2'],
  ['apt-assume-yes', 'RUN echo a > /a && \\\n    apt-get install curl=1 \\\n      git=2'],
  ['apt-assume-yes', 'RUN ["apt-get", "install", "curl=1"]'],
  ['apt-assume-yes', "RUN sh -c 'apt-get install curl=1'"],
  ['wget-progress', 'RUN /usr/local/bin/wget https://example.com/a'],
  ['wget-progress', 'RUN mkdir /x; (cd /x && /usr/local/bin/wget https://example.com/b)'],
  ['update-alone', 'RUN mkdir -p /lists && apt-get update\nRUN apt-get install -y a=1 && rm -rf /var/lib/apt/lists/*'],
];

/** The same in a stage of its own, from which the image takes everything. */
function inAStage(text: string): string {
  return `FROM tools AS first\n${text}\nFROM busybox\nCOPY --from=first / /all/\n`;
}

describe('safe fixes', { skip }, () => {
  let lab: Lab;
  let folder: string;
  before(async () => {
    lab = await Lab.open();
    await lab.importBusybox();
    const names = ['apt', 'apt-get', 'yum', 'dnf'];
    const tools = lab.context({
      Dockerfile: 'FROM busybox\nCOPY --chmod=0755 bin/ /usr/local/bin/\nRUN mkdir -p /opt /var/lib /var/cache\n',
      ...Object.fromEntries(names.map((name) => [`bin/${name}`, MANAGER])),
      'bin/wget': WGET,
    });
    await lab.build(tools, { tags: ['tools'] });
    folder = lab.context({ a: 'a\n', 'dir/x': 'x\n', 'dir/y/z': 'z\n' });
  });
  after(() => lab[Symbol.asyncDispose]());

  async function verified(rule: string, text: string): Promise<string> {
    const { text: fixed, mended } = await fixFile(text, 'safe', {});
    assert.ok(
      mended.some((finding) => finding.rule.id === rule),
      `${rule} mends ${JSON.stringify(text)}`,
    );
    const { result, isAsClaimed, diff } = await verifyFix({
      engine: lab.engine,
      build: {
        context: { kind: 'directory', path: folder },
        buildArgs: {},
        labels: {},
        network: 'none',
        noCache: false,
        pull: false,
        keepNoise: false,
      },
      before: text,
      after: fixed,
      mended,
      watch: { signal: AbortSignal.timeout(120_000), progress: () => undefined },
      now: Date.now,
    });
    assert.ok(
      isAsClaimed,
      `${rule}: ${JSON.stringify(text)} → ${JSON.stringify(fixed)}: ${JSON.stringify(diff.files)}`,
    );
    return result;
  }

  const cases = SAME.flatMap(([rule, text]) => [
    [rule, `FROM tools\n${text}\n`] as const,
    [rule, inAStage(text)] as const,
  ]).filter((_, index) => isLong || index % SHARE === 0);
  for (const [rule, text] of cases) {
    test(`a fix of ${rule} gives the same root file system: ${text.split('\n').slice(0, 3).join(' ¶ ')}`, async () => {
      assert.equal(await verified(rule, text), 'same');
    });
  }

  test('fixes that empty caches change nothing else, and the images of a verification are gone afterwards', async () => {
    const images = (await lab.engine.images({ all: true })).length;
    assert.equal(
      await verified('apt-clean-lists', 'FROM tools\nRUN apt-get update && apt-get install -y a=1\n'),
      'caches',
    );
    assert.equal(await verified('yum-clean', 'FROM tools\nRUN yum install -y a-1\n'), 'caches');
    assert.equal((await lab.engine.images({ all: true })).length, images);
  });

  test('a fix that changes more than it claims is told', async () => {
    const text = 'FROM tools\nCOPY a /a\n';
    const { mended } = await fixFile('FROM tools as x\nUSER 1\n', 'safe', {});
    const { result, isAsClaimed } = await verifyFix({
      engine: lab.engine,
      build: {
        context: { kind: 'directory', path: folder },
        buildArgs: {},
        labels: {},
        noCache: false,
        pull: false,
        keepNoise: false,
      },
      before: text,
      after: 'FROM tools\nCOPY a /b\n',
      mended,
      watch: { signal: AbortSignal.timeout(120_000), progress: () => undefined },
      now: Date.now,
    });
    assert.deepEqual([result, isAsClaimed], ['differs', false]);
  });
});
