import type { ExecOp } from '../../graph/index.ts';
import { formatPlatform } from '../../oci/index.ts';
import type { NetworkProvider } from '../../runtime/index.ts';
import type { Step } from '../ops/operation.ts';

/** A RUN as who watches its network knows it. */
export interface WatchedStep {
  /** `RUN apt-get update`: the instruction with its variables filled in, and the files of its heredocs. */
  readonly step: string;
  readonly platform: string;
  /** Its slot: where it stands in the Dockerfile. */
  readonly place: string;
}

/**
 * What the steps of a build get instead of the build's network, when all that they fetch is to be known: it is recorded or
 * replayed. The builder knows no more of it than this.
 */
export interface StepTraffic {
  /** Inputs of the keys of a step beside the others: what its network will answer, where that is known. */
  inputsOf(step: WatchedStep): readonly (readonly [name: string, value: string])[];
  /** @throws what forbids the step to run */
  open(step: WatchedStep, given: TrafficSite): Promise<OpenTraffic>;
}

export interface TrafficSite {
  /** What the step is given in secret, which must not be kept. */
  readonly secrets: readonly Uint8Array[];
  /** Writes a line to the step's log. */
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The network of one run of a step. */
export interface OpenTraffic extends AsyncDisposable {
  readonly network: NetworkProvider;
  /** A certificate, PEM, that programs of the step have to trust. */
  readonly authority: string;
  /** The step has ended well. @throws when it cannot count nevertheless */
  succeed(): Promise<void>;
  /** The step has failed. Gives the error that says why better than `error` does, where the network was the cause. */
  blame(error: unknown): unknown;
}

export function watchedStep({ op, vertex }: Step<ExecOp>): WatchedStep {
  const [shell, flag, script, ...more] = op.args;
  const isScript = shell !== undefined && flag === '-c' && script !== undefined && more.length === 0;
  const files = op.mounts.flatMap((mount) => (mount.kind === 'inline' ? mount.files : []));
  const texts = files.map(({ name, content }) => `# ${name}\n${Buffer.from(content).toString()}`);
  const command = `RUN ${isScript ? script : JSON.stringify(op.args)}`;
  return { step: [command, ...texts].join('\n'), platform: formatPlatform(vertex.platform), place: vertex.slot };
}
