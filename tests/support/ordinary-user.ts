import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { debianFile } from './debian-tools.ts';
import { BUSYBOX } from './lab.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/shale');
const SUBORDINATE_COUNT = 65_536;
const COMMAND_TIMEOUT_MS = 120_000;

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface UserOptions {
  /** Subordinate ids in /etc/subuid and /etc/subgid. Default true. */
  readonly subordinateIds?: boolean;
  /** Further lines of shell, run as root in the user's private mount namespace before each command. */
  readonly prepare?: string;
  /** Not an ordinary user but uid 0 that may not mount, as in an unprivileged container. */
  readonly asRoot?: boolean;
}

export interface RunOptions {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A person without root who exists for one test only: an id that nobody has, whose name and subordinate ids stand in a
 * copy of /etc that only their own processes see. Nothing of the machine changes; disposing removes their files.
 */
export class OrdinaryUser implements Disposable {
  static readonly program: string = PROGRAM;
  readonly folder: string;
  readonly uid: number;
  readonly firstSubordinate: number;
  readonly #options: UserOptions;

  constructor(options: UserOptions = {}) {
    this.#options = options;
    // Tests of several checkouts may run at once.
    this.uid = 1_000_000 + (process.pid % 1_000_000);
    this.firstSubordinate = 1_100_000_000 + (process.pid % 10_000) * SUBORDINATE_COUNT;
    this.folder = mkdtempSync(join(tmpdir(), 'shale-user-'));
    chmodSync(this.folder, 0o755);
    for (const name of ['home', 'xdg']) {
      mkdirSync(join(this.folder, name), { mode: 0o700 });
      chownSync(join(this.folder, name), this.uid, this.uid);
    }
    for (const name of ['etc', 'etc-work', 'private']) mkdirSync(join(this.folder, name));
    const lines = options.subordinateIds === false ? '' : `visitor:${this.firstSubordinate}:${SUBORDINATE_COUNT}\n`;
    const etc: Readonly<Record<string, string>> = {
      passwd: `${readFileSync('/etc/passwd', 'utf8')}visitor:x:${this.uid}:${this.uid}::${this.home}:/bin/sh\n`,
      group: `${readFileSync('/etc/group', 'utf8')}visitor:x:${this.uid}:\n`,
      subuid: lines,
      subgid: lines,
    };
    for (const [name, text] of Object.entries(etc)) writeFileSync(join(this.folder, 'etc', name), text);
  }

  get home(): string {
    return join(this.folder, 'home');
  }

  get runRoot(): string {
    return join(this.folder, 'xdg', 'shale');
  }

  get store(): string {
    return join(this.home, '.local/share/shale');
  }

  /** A context that the user may read. */
  context(files: Readonly<Record<string, string | Uint8Array>>): string {
    const folder = mkdtempSync(join(this.folder, 'context-'));
    chmodSync(folder, 0o755);
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    return folder;
  }

  /** Words that start a program as this user. */
  command(words: readonly string[], env: Readonly<Record<string, string>> = {}): readonly [string, ...string[]] {
    const own = {
      HOME: this.home,
      XDG_RUNTIME_DIR: join(this.folder, 'xdg'),
      USER: 'visitor',
      TERM: 'dumb',
      NODE_COMPILE_CACHE: compileCache(this.uid),
      PATH: `${join(this.folder, 'private')}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
      ...env,
    };
    const variables = Object.entries(own).map(([name, value]) => `${name}=${value}`);
    const identity =
      this.#options.asRoot === true
        ? ['--bounding-set=-sys_admin', '--inh-caps=-all']
        : [`--reuid=${this.uid}`, `--regid=${this.uid}`, '--clear-groups', '--inh-caps=-all'];
    return [
      'unshare',
      '--mount',
      '--propagation=slave',
      'sh',
      '-ec',
      `${this.#prelude()}\nexec "$@"`,
      'sh',
      'setpriv',
      ...identity,
      'env',
      '-i',
      ...variables,
      ...words,
    ];
  }

  /** Runs a program to its end. */
  async run(words: readonly string[], { input, env }: RunOptions = {}): Promise<Ran> {
    const [command, ...args] = this.command(words, env);
    return new Promise((resolve) => {
      const child = execFile(
        command,
        args,
        { encoding: 'latin1', maxBuffer: 64 * 1024 * 1024, timeout: COMMAND_TIMEOUT_MS },
        (error, stdout, stderr) => {
          resolve({ status: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr });
        },
      );
      child.stdin?.end(input);
    });
  }

  /** A store with busybox in it. */
  async withBusybox(): Promise<this> {
    await this.done('import', '-c', 'ENV PATH=/bin', '-c', 'CMD ["sh"]', BUSYBOX.path, 'busybox');
    return this;
  }

  /** Runs shale. */
  async shale(...words: readonly string[]): Promise<Ran> {
    return this.run([PROGRAM, ...words]);
  }

  /** Runs a command of shale that must succeed; what it printed, without the last newline. */
  async done(...words: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.shale(...words);
    if (status !== 0) throw new Error(`shale ${words.join(' ')} ended with ${status}: ${stderr}`);
    return stdout.trimEnd();
  }

  /** Of the user's processes those that still run, by command line. */
  processes(): string[] {
    const { stdout } = spawnSync('ps', ['-eo', 'uid=,state=,pid=,args='], { encoding: 'utf8' });
    return stdout.split('\n').filter((line) => {
      const [uidText, state] = line.trim().split(/\s+/, 2);
      const uid = Number(uidText);
      // One that has ended waits until pid 1 takes notice.
      if (state === 'Z') return false;
      return uid === this.uid || (uid >= this.firstSubordinate && uid < this.firstSubordinate + SUBORDINATE_COUNT);
    });
  }

  [Symbol.dispose](): void {
    // After a test that failed containers may still run.
    for (const line of this.processes()) {
      try {
        process.kill(Number(line.trim().split(/\s+/)[2]), 'SIGKILL');
      } catch {
        // It ended meanwhile.
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What the user finds otherwise than the machine has it. */
  #prelude(): string {
    const at = (name: string): string => `'${join(this.folder, name)}'`;
    return [
      `mount -t overlay overlay -o lowerdir=/etc,upperdir=${at('etc')},workdir=${at('etc-work')} /etc`,
      `mount -t tmpfs -o mode=755 private ${at('private')}`,
      // Where udev has not opened it for everybody, as it does on machines for people.
      `if [ -c /dev/net/tun ]; then mknod -m 666 ${at('private/tun')} c 10 200; mount --bind ${at('private/tun')} /dev/net/tun; fi`,
      ...[...mapPrograms(), ...borrowedPasta()].map((path) => `cp --preserve=mode '${path}' ${at('private/')}`),
      this.#options.prepare ?? '',
    ].join('\n');
  }
}

let compiled: string | undefined;

/** Of all users of this process, who have one id: the checkout's is not theirs to write, and compiling takes a second. */
function compileCache(uid: number): string {
  if (compiled !== undefined) return compiled;
  const folder = mkdtempSync(join(tmpdir(), 'shale-compiled-'));
  chownSync(folder, uid, uid);
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return (compiled = folder);
}

/** newuidmap and newgidmap where the machine lacks them. */
function mapPrograms(): readonly string[] {
  return ['newuidmap', 'newgidmap'].flatMap((name) => {
    if (existsSync(`/usr/bin/${name}`)) return [];
    const path = debianFile(hostRelease(), 'uidmap', `usr/bin/${name}`);
    return path === undefined ? [] : [path];
  });
}

/** pasta, where the machine lacks it. */
function borrowedPasta(): readonly string[] {
  if (existsSync('/usr/bin/pasta')) return [];
  const path = debianFile(hostRelease(), 'passt', 'usr/bin/pasta');
  return path === undefined ? [] : [path];
}

/** Why networks of containers cannot be tested here; false where they can. */
export function cannotReach(): string | false {
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun';
  return existsSync('/usr/bin/pasta') || borrowedPasta().length > 0 ? false : 'pasta is not installed';
}

function hostRelease(): string {
  return /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'stable';
}

/** Why these tests cannot run here; false where they can. */
export function cannotVisit(): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root, to be somebody else';
  try {
    execFileSync('runc', ['--version'], { stdio: 'ignore' });
  } catch {
    return 'runc is not installed';
  }
  if (!existsSync('/usr/bin/newuidmap') && mapPrograms().length < 2) return 'newuidmap is not installed';
  using user = new OrdinaryUser();
  const [command, ...args] = user.command(['sh', '-c', `unshare --user true && exec '${PROGRAM}' version`]);
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? false : `an ordinary user cannot start shale here: ${stderr.trim().slice(0, 200)}`;
}
