/**
 * runtime: running processes in containers. A RunSpec (plain data) becomes the config.json of the OCI runtime
 * specification; runc carries it out. Nothing of an image is trusted: the rootfs is checked through held descriptors
 * before anything starts, because installed runtimes lack fixes.
 *
 * Invariants: an attached container ends with this process, however that ends; a detached one is kept by conmon, and
 * its exit file is the truth about its end; every cgroup is `shale-<id>` in the root or below a parent, never empty or `/`, and is removed with
 * rmdir, never by killing; everything on the machine that is ours has an owner record, so a sweep can tell the dead.
 */
export { AUTHORITY_PATH, AUTHORITY_VARIABLES, plantAuthority, removeAuthority } from './authority.ts';
export { type BridgeOptions, bridgeNetwork, defaultBridgeOf } from './bridge.ts';
export { type CgroupSupport, cgroupSupport, type LimitKind } from './cgroup-support.ts';
export { containerNetwork, type SharedNetwork } from './container-network.ts';
export { isDetachedAlive } from './detached.ts';
export { blockDevice } from './devices.ts';
export { CDI_FOLDERS, findDevices, type DeviceEdits, type DeviceRequest } from './cdi.ts';
export { defaultNetwork, hasBridges } from './default-network.ts';
export type { HostFacts } from './facts.ts';
export { hostFacts } from './facts.ts';
export type * from './host.ts';
export { enterHostname } from './hostname.ts';
export { hostNetwork, noNetwork } from './networks-basic.ts';
export {
  connectNetwork,
  containersOn,
  disconnectNetwork,
  endpointsOf,
  joinedNetworks,
  type NetworkFolder,
  type RunningContainer,
} from './joined-networks.ts';
export {
  findNamedSubnet,
  formatAddress,
  formatSubnet,
  overlaps,
  parseAddress,
  parseRange,
  type Subnet,
  usedRanges,
} from './leases.ts';
export { findNameServer } from './netavark.ts';
export { openNetworkPool, type NetworkPool } from './pool.ts';
export { openPlainHost } from './plain-host.ts';
export { openRuntime, type RuntimeOptions } from './runtime.ts';
export { signalNumber } from './signals.ts';
export { isCgroupParent } from './spec.ts';
export { STEP_SURROUNDINGS } from './step.ts';
export { type Identity, resolveUser, USER_DATABASE_BYTES_MAX, type UserDatabaseReader } from './users.ts';
export { type Gatekeeper, walledNetwork } from './walled-network.ts';
export type * from './types.ts';
