import type { IndexNode } from '../../erofs/index.ts';

/** capabilities(7), in the order of their numbers. */
const NAMES = [
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service',
  'net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin',
  'sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override',
  'mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore',
]
  .join(' ')
  .split(' ');

// linux/capability.h: VFS_CAP_REVISION_1 has 32 bits of each set, 2 and 3 have 64.
const REVISION_MASK = 0xff000000;
const REVISION_1 = 0x01000000;
const EFFECTIVE = 1;

/** What `getcap` would say of a file: `cap_net_raw=ep`; undefined where it has no capabilities or broken ones. */
export function capabilitiesOf(node: IndexNode): string | undefined {
  const value = node.xattrs().get('security.capability');
  if (value === undefined || value.byteLength < 12) return undefined;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const magic = bytes.readUInt32LE(0);
  const words = (magic & REVISION_MASK) === REVISION_1 ? 1 : 2;
  if (bytes.byteLength < 4 + words * 8) return undefined;
  const effective = (magic & EFFECTIVE) === EFFECTIVE ? 'e' : '';
  const byFlags = new Map<string, string[]>();
  for (let number = 0; number < words * 32; number++) {
    const at = 4 + (number >> 5) * 8;
    const has = (offset: number): boolean => ((bytes.readUInt32LE(at + offset) >>> (number & 31)) & 1) === 1;
    const flags = `${has(4) ? 'i' : ''}${has(0) ? 'p' : ''}`;
    if (flags === '') continue;
    const name = `cap_${NAMES[number] ?? String(number)}`;
    const key = `${effective}${flags}`;
    byFlags.set(key, [...(byFlags.get(key) ?? []), name]);
  }
  if (byFlags.size === 0) return undefined;
  return Array.from(byFlags, ([flags, names]) => `${names.join(',')}=${flags}`).join(' ');
}
