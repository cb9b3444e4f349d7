import { ShaleError } from '../../base/index.ts';

/** A member of an ar archive, by where its bytes stand. */
export interface ArMember {
  readonly name: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

const MAGIC = '!<arch>\n';
const HEADER_BYTES = 60;
const MEMBERS_MAX = 64;

/**
 * The members of an ar archive (deb(5)) that lies whole in memory.
 * @throws DEB_MALFORMED.
 */
export function parseAr(bytes: Uint8Array): ArMember[] {
  const text = (start: number, end: number): string =>
    Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.max(0, Math.min(end, bytes.byteLength) - start)).toString(
      'latin1',
    );
  if (text(0, MAGIC.length) !== MAGIC) throw malformed('it does not start as an ar archive');
  const members: ArMember[] = [];
  let at = MAGIC.length;
  while (at < bytes.byteLength) {
    const header = text(at, at + HEADER_BYTES);
    const size = /^\d{1,10}$/.exec(header.slice(48, 58).trim())?.[0];
    if (header.length < HEADER_BYTES || !header.endsWith('`\n') || size === undefined)
      throw malformed(`no member header at byte ${at}`);
    if (members.length === MEMBERS_MAX) throw malformed(`more than ${MEMBERS_MAX} members`);
    const member = {
      name: header.slice(0, 16).trimEnd().replace(/\/$/, ''),
      offset: at + HEADER_BYTES,
      sizeBytes: Number(size),
    };
    if (member.offset + member.sizeBytes > bytes.byteLength) throw malformed(`${member.name} is cut short`);
    members.push(member);
    at = member.offset + member.sizeBytes + (member.sizeBytes % 2);
  }
  return members;
}

/** The two tars of a Debian package. */
export interface DebMembers {
  readonly control: ArMember;
  readonly data: ArMember;
}

/**
 * Finds the tars of a package in its members (deb(5): format 2, then control, then data; names that start with `_` are
 * skipped).
 * @throws DEB_MALFORMED.
 */
export function findDebMembers(bytes: Uint8Array): DebMembers {
  const [first, control, data] = parseAr(bytes).filter((each) => !each.name.startsWith('_'));
  if (first?.name !== 'debian-binary') throw malformed('its first member is not debian-binary');
  const version = Buffer.from(bytes.buffer, bytes.byteOffset + first.offset, first.sizeBytes).toString('latin1');
  if (!version.startsWith('2.')) throw malformed(`its format is ${JSON.stringify(version.trim().slice(0, 20))}, not 2`);
  if (control === undefined || !/^control\.tar(\.|$)/.test(control.name)) throw malformed('it has no control.tar');
  if (data === undefined || !/^data\.tar(\.|$)/.test(data.name)) throw malformed('it has no data.tar');
  return { control, data };
}

function malformed(why: string): ShaleError {
  return new ShaleError('DEB_MALFORMED', `this is not a Debian package: ${why}`);
}
