import type { ByteString } from '../base/index.ts';
import { linesIn } from './fields.ts';
import { plainText } from './plain-text.ts';
import type { TreeReader } from './tree-reader.ts';
import type { Distribution } from './types.ts';

const OS_RELEASE_MAX_BYTES: number = 64 * 1024;

/** os-release(5): /etc/os-release, else /usr/lib/os-release. */
export function readDistribution(reader: TreeReader): Distribution | undefined {
  for (const path of ['etc/os-release', 'usr/lib/os-release']) {
    const text = reader.read(path, OS_RELEASE_MAX_BYTES);
    const found = text === undefined ? undefined : distributionIn(text);
    if (found !== undefined) return found;
  }
  return undefined;
}

function distributionIn(text: ByteString): Distribution | undefined {
  const values = new Map<string, string>();
  for (const line of linesIn(text)) {
    const [, name, value] = /^([A-Z0-9_]+)=(.*)$/.exec(line) ?? [];
    const plain = plainText(unquoted(value ?? ''));
    if (name !== undefined && plain !== undefined) values.set(name, plain);
  }
  const id = values.get('ID');
  if (id === undefined || !/^[a-z0-9._-]+$/.test(id)) return undefined;
  const versionId = values.get('VERSION_ID');
  const prettyName = values.get('PRETTY_NAME');
  return { id, ...(versionId !== undefined && { versionId }), ...(prettyName !== undefined && { prettyName }) };
}

/** A value as the shell would read it, as far as os-release(5) allows quoting. */
function unquoted(value: ByteString): ByteString {
  const [, quote, inner] = /^(["'])(.*)\1\s*$/.exec(value) ?? [];
  if (quote === undefined || inner === undefined) return value.trim();
  return quote === '"' ? inner.replace(/\\(["$`\\])/g, '$1') : inner;
}
