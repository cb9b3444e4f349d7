import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { isShaleError, ShaleError, toBytes, toText } from '../../base/index.ts';
import type {
  BindMount,
  CacheMount,
  ExecMount,
  InlineMount,
  SecretMount,
  SshMount,
  TmpfsMount,
} from '../../graph/index.ts';
import { mountLayers, rootAttributes } from '../../layers/index.ts';
import type { MountedPlace, MountedRootfs, MountHost, PrivateFile } from '../../mounts/index.ts';
import type { DiffId } from '../../oci/index.ts';
import type { MountSpec } from '../../runtime/index.ts';
import { boundLayer } from '../ops/bind-source.ts';
import { serveAgent } from '../ssh/agent.ts';
import { bindSpec, openCacheMounts, userOf } from './cache-mounts.ts';
import type { StepRequest } from './step-runner.ts';

/** What a step finds mounted in its root filesystem, and the variables that go with it. */
export interface StepMounts extends AsyncDisposable {
  readonly specs: readonly MountSpec[];
  /** `NAME=value` of secrets that are given as variables. */
  readonly env: readonly string[];
  /** All secrets that the step can see. */
  readonly secrets: readonly Uint8Array[];
}

/** How a target names the home directory of the step's user. */
const HOME = '$HOME';

export interface StepMountPlace {
  readonly host: MountHost;
  /** A folder of this step, on the store's file system. */
  readonly folder: string;
}

/**
 * Makes ready what the mounts of a step name. Nothing is mounted from a path that someone else could change meanwhile:
 * layers are immutable, and everything else is found through descriptors. Disposing takes all of it away.
 * @throws SECRET_NOT_GIVEN, SSH_NOT_GIVEN, MOUNT_SOURCE_MISSING
 */
export async function openStepMounts(at: StepMountPlace, request: StepRequest): Promise<StepMounts> {
  await using stack = new AsyncDisposableStack();
  const opener = new MountOpener(at, request, stack);
  await opener.findHome();
  for (const [index, mount] of request.step.op.mounts.entries()) await opener.open(mount, index);
  await opener.finish();
  const { specs, env, secrets } = opener;
  const resources = stack.move();
  return { specs, env, secrets, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

class MountOpener {
  readonly specs: MountSpec[] = [];
  readonly env: string[] = [];
  readonly secrets: Uint8Array[] = [];
  readonly #secretFiles: { readonly file: PrivateFile; readonly target: string }[] = [];
  readonly #caches: { readonly mount: CacheMount; readonly index: number }[] = [];
  #home = '/';
  readonly #at: StepMountPlace;
  readonly #request: StepRequest;
  readonly #stack: AsyncDisposableStack;

  constructor(at: StepMountPlace, request: StepRequest, stack: AsyncDisposableStack) {
    this.#at = at;
    this.#request = request;
    this.#stack = stack;
  }

  async open(mount: ExecMount, index: number): Promise<void> {
    switch (mount.kind) {
      case 'inline':
        this.specs.push(this.#inline(mount, index));
        break;
      case 'tmpfs':
        this.specs.push(tmpfsSpec(mount, this.#target(mount.target)));
        break;
      case 'bind':
        this.specs.push(await this.#bind(mount, index));
        break;
      case 'secret':
        await this.#secret(mount, index);
        break;
      case 'ssh':
        await this.#ssh(mount, index);
        break;
      case 'cache':
        this.#caches.push({ mount, index });
    }
  }

  /** Finds out where `$HOME` is, when a target names it. */
  async findHome(): Promise<void> {
    const { mounts } = this.#request.step.op;
    if (mounts.some((mount) => mount.target?.startsWith(HOME) === true))
      this.#home = (await userOf(this.#request)).home;
  }

  /** Takes the cache mounts, all of them or none, and mounts the files of all secrets. */
  async finish(): Promise<void> {
    const caches = this.#caches.map(({ mount, index }) => ({ mount, index, target: this.#target(mount.target) }));
    if (caches.length > 0) this.specs.push(...(await openCacheMounts(this.#at, this.#request, caches, this.#stack)));
    await this.#finishSecrets();
  }

  #target(target: string): string {
    const text = toText(target);
    return text.startsWith(HOME) ? posix.join(this.#home, text.slice(HOME.length)) : text;
  }

  async #finishSecrets(): Promise<void> {
    if (this.#secretFiles.length === 0) return;
    const place = this.#stack.use(await this.#at.host.mountFiles(this.#secretFiles.map(({ file }) => file)));
    for (const { file, target } of this.#secretFiles) {
      this.specs.push({
        kind: 'bind',
        source: `${place.path}/${file.name}`,
        sourceKind: 'file',
        target,
        readonly: true,
        flags: ['nosuid', 'nodev', 'noexec'],
      });
    }
  }

  /** Writes the script of a heredoc out and mounts its directory. */
  #inline({ target, files }: InlineMount, index: number): MountSpec {
    const source = join(this.#at.folder, `inline-${index}`);
    mkdirSync(source, { mode: 0o755 });
    for (const { name, content, mode } of files) {
      const path = Buffer.concat([Buffer.from(`${source}/`), toBytes(name)]);
      writeFileSync(path, content, { flag: 'wx' });
      chmodSync(path, mode);
    }
    const place = toText(target).replace(/\/+$/, '');
    return { kind: 'bind', source, sourceKind: 'directory', target: place, readonly: true };
  }

  /** Files of a stage or image are its own layers; those of a context become a layer first. */
  async #bind(mount: BindMount, index: number): Promise<MountSpec> {
    const { step, context, session } = this.#request;
    const from = step.inputs[mount.input];
    const isRootfs = from?.kind === 'rootfs';
    const layers = isRootfs ? from.stack : [await boundLayer(step, session, context, { index, ...mount })];
    const source = isRootfs ? mount.source : mount.target;
    const rootfs = await this.#rootfs(layers, mount.writable ? join(this.#at.folder, `mount-${index}`) : undefined);
    const place = await this.#inside(rootfs, source, toText(mount.source));
    return bindSpec(place, this.#target(mount.target), !mount.writable);
  }

  /** With a `scratch` folder it can be written to, and what is written goes with that folder. */
  async #rootfs(diffIds: readonly DiffId[], scratch: string | undefined): Promise<MountedRootfs> {
    const { layers } = this.#request.session;
    const stack = await layers.stack(diffIds);
    return this.#stack.use(
      await this.#at.host.mountRootfs({
        layers: await mountLayers(layers, stack),
        ...(scratch !== undefined && {
          upper: { upperDir: join(scratch, 'upper'), workDir: join(scratch, 'work') },
          rootAttributes: rootAttributes(stack),
          volatile: true,
        }),
      }),
    );
  }

  async #inside(rootfs: MountedRootfs, path: string, named: string): Promise<MountedPlace> {
    try {
      return this.#stack.use(await this.#at.host.mountInside(rootfs.path, path));
    } catch (error) {
      if (!isShaleError(error, 'MOUNT_SOURCE_MISSING')) throw error;
      throw new ShaleError('MOUNT_SOURCE_MISSING', `the source ${named} of a mount is not there`, { cause: error });
    }
  }

  async #secret(mount: SecretMount, index: number): Promise<void> {
    const bytes = await this.#request.session.provisions.secret(mount.id);
    if (bytes === undefined) {
      if (mount.required) throw secretNotGiven(mount.id);
      return;
    }
    this.secrets.push(bytes);
    const { env, target, mode, uid, gid } = mount;
    if (env !== undefined) this.env.push(`${env}=${variableText(mount.id, bytes)}`);
    if (target === undefined) return;
    this.#secretFiles.push({ file: { name: String(index), bytes, mode, uid, gid }, target: this.#target(target) });
  }

  /** A socket of ours, which passes on what a step may ask and nothing else. */
  async #ssh({ id, target, required, mode, uid, gid }: SshMount, index: number): Promise<void> {
    const agent = this.#request.session.provisions.ssh(id);
    if (agent === undefined) {
      if (required) throw sshNotGiven(id);
      return;
    }
    const path = join(this.#at.folder, `ssh-${index}`);
    this.#stack.use(await serveAgent(agent, { path, mode, uid, gid }));
    this.specs.push({ kind: 'bind', source: path, sourceKind: 'file', target: toText(target) });
  }
}

function tmpfsSpec({ sizeBytes, writable }: TmpfsMount, target: string): MountSpec {
  const size = sizeBytes === undefined ? {} : { sizeBytes };
  return { kind: 'tmpfs', target, flags: ['nosuid'], readonly: !writable, ...size };
}

function secretNotGiven(id: string): ShaleError {
  return new ShaleError('SECRET_NOT_GIVEN', `the secret ${id} was not given, and the step requires it`, {
    data: { id },
    hint: `--secret id=${id},src=FILE or --secret id=${id},env=NAME`,
  });
}

function sshNotGiven(id: string): ShaleError {
  return new ShaleError('SSH_NOT_GIVEN', `no SSH agent or key was given for ${id}, and the step requires one`, {
    data: { id },
    hint: id === 'default' ? '--ssh default, with an agent that SSH_AUTH_SOCK leads to' : `--ssh ${id}=KEY_OR_SOCKET`,
  });
}

/** @throws SECRET_UNREADABLE for what no variable can hold */
function variableText(id: string, bytes: Uint8Array): string {
  if (!bytes.includes(0)) {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      // Said below.
    }
  }
  throw new ShaleError('SECRET_UNREADABLE', `the secret ${id} is no text, and a variable can hold nothing else`, {
    data: { id },
    hint: 'mount it as a file',
  });
}
