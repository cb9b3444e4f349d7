import { writeFileSync } from 'node:fs';
import { messageOf, ShaleError } from '../base/index.ts';
import type { RuntimeHost } from './host.ts';
import type { Lease, NetworkState } from './leases.ts';
import { FIREWALL_ENV, findNetavark, LEFTOVERS, netavarkInput, type NetavarkNetwork } from './netavark.ts';
import { PROGRAM_ENV } from './program.ts';

/** A lease that is given back, and the namespace that it was used in (a descriptor of this process). */
export interface Leaving {
  readonly lease: Lease;
  readonly namespace: number;
}

export interface LeavingRequest {
  readonly network: NetavarkNetwork;
  readonly leaving: readonly Leaving[];
  /** The state file, and what it holds afterwards; undefined: nobody is left on the bridge, and the file goes. */
  readonly stateFile: string;
  readonly after: NetworkState | undefined;
  /** The held lock; the program holds it on until it is done. */
  readonly lock: number;
}

/** Descriptors of the program: 3 is the lock, from 4 on the namespaces. */
const FIRST_NAMESPACE = 4;

/**
 * Positional: state file, its next content ('' for none), netavark and its folder, three inputs for iptables-restore, the
 * bridge, then netavark's input for each namespace. A bridge that has a port left is tried again, as in bridge.ts. When a step fails the state file stays, and the next sweep does it all again.
 */
const SCRIPT = `state=$1 next=$2 netavark=$3 config=$4 filter=$5 newer=$6 nat=$7 bridge=$8; shift 8; fd=${FIRST_NAMESPACE}
for input; do
  printf %s "$input" | "$netavark" --config "$config" teardown "/proc/self/fd/$fd" >/dev/null || exit 1
  fd=$((fd + 1))
done
if [ -n "$next" ]; then exec mv -f "$next" "$state"; fi
place=/proc/self/fd/$((fd - 1)) tries=0
while [ $tries -lt 20 ] && grep -q "^ *$bridge:" /proc/self/net/dev; do
  sleep 0.1
  printf %s "$input" | "$netavark" --config "$config" setup "$place" >/dev/null || exit 1
  printf %s "$input" | "$netavark" --config "$config" teardown "$place" >/dev/null || exit 1
  tries=$((tries + 1))
done
{ printf %s "$filter" | iptables-restore --noflush --wait 5; printf %s "$newer" | iptables-restore --noflush --wait 5; } &
printf %s "$nat" | iptables-restore --noflush --wait 5
wait
rm -rf "$config"
rm -f "$state"`;

/**
 * Takes leases off a bridge in a program of its own, so that nobody waits the fifth of a second that the kernel needs to
 * unregister interfaces and rules. It holds the lock, so whoever wants a network meanwhile waits for it; the leases must
 * be orphans in the state file by now, so that a sweep takes over should it be killed.
 */
export async function leaveInBackground(host: RuntimeHost, request: LeavingRequest): Promise<void> {
  const next = request.after === undefined ? '' : `${request.stateFile}.next`;
  if (request.after !== undefined) writeFileSync(next, JSON.stringify(request.after), { mode: 0o600 });
  const inputs = request.leaving.map(({ lease }) => netavarkInput(request.network, lease));
  const netavark = [findNetavark(), request.network.configFolder];
  try {
    await host.spawn({
      command: 'sh',
      args: ['-c', SCRIPT, 'sh', request.stateFile, next, ...netavark, ...LEFTOVERS, request.network.bridge, ...inputs],
      env: { ...PROGRAM_ENV, ...FIREWALL_ENV },
      cwd: '/',
      stdio: ['ignore', 'ignore', 'ignore', request.lock, ...request.leaving.map(({ namespace }) => namespace)],
      lifetime: 'own',
    });
  } catch (error) {
    throw new ShaleError('NETWORK_SETUP_FAILED', `network teardown cannot be started: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
