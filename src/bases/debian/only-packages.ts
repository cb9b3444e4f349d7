import { type ByteString, compareBytes, toBytes } from '../../base/index.ts';
import { setFolderTimes } from '../rootfs/folder-times.ts';
import { contentBytes } from '../rootfs/layer-of-tree.ts';
import { putFile } from '../rootfs/own-files.ts';
import { plainInode, type Tree } from '../rootfs/tree.ts';
import { findField, formatParagraph } from './paragraph.ts';
import type { UnpackedPackage } from './unpack.ts';

const NOBODY = 65_534;
/** The user that images without a shell run as. */
const NONROOT = 65_532;
const CERTIFICATES = 'usr/share/ca-certificates/';
/** Where programs look for the certificates of authorities. */
export const CERTIFICATE_BUNDLE = 'etc/ssl/certs/ca-certificates.crt';

/**
 * Makes of unpacked packages an image without a package manager: what scripts would have left that programs count on
 * (users, name service, certificates), and of dpkg's database the part that scanners read, a file for each package.
 */
export function finishOnlyPackages(tree: Tree, packages: readonly UnpackedPackage[], mtimeNs: bigint): void {
  for (const { conffiles } of packages) for (const path of conffiles) tree.delete(`${path.slice(1)}.dpkg-new`);
  tree.delete('var/lib/dpkg');
  for (const each of packages) {
    const name = findField(each.control, 'Package') ?? '';
    const path = `var/lib/dpkg/status.d/${name}`;
    putFile(tree, { path, content: toBytes(formatParagraph(each.control)) }, mtimeNs);
    const sums = each.files.get('md5sums');
    if (sums !== undefined) putFile(tree, { path: `${path}.md5sums`, content: sums.bytes }, mtimeNs);
  }
  const defaults: Readonly<Record<string, string>> = {
    'etc/passwd': `root:x:0:0:root:/root:/sbin/nologin\nnobody:x:${NOBODY}:${NOBODY}:nobody:/nonexistent:/sbin/nologin\nnonroot:x:${NONROOT}:${NONROOT}:nonroot:/home/nonroot:/sbin/nologin\n`,
    'etc/group': `root:x:0:\ntty:x:5:\nstaff:x:50:\nnogroup:x:${NOBODY}:\nnonroot:x:${NONROOT}:\n`,
    'etc/nsswitch.conf':
      'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\nethers: files\nrpc: files\n',
  };
  for (const [path, content] of Object.entries(defaults))
    if (tree.find(path) === undefined) putFile(tree, { path, content }, mtimeNs);
  putFolder(tree, 'root', 0o700, 0);
  putFolder(tree, 'tmp', 0o1777, 0);
  putFolder(tree, 'home/nonroot', 0o700, NONROOT);
  const bundle = certificateBundle(tree);
  if (bundle.length > 0) putFile(tree, { path: CERTIFICATE_BUNDLE, content: bundle }, mtimeNs);
  setFolderTimes(tree, mtimeNs);

  function putFolder(target: Tree, path: ByteString, mode: number, id: number): void {
    if (target.find(path) !== undefined) return;
    target.makeParents(path, mtimeNs);
    target.set(path, { ...plainInode('directory', mode, mtimeNs), uid: id, gid: id });
  }
}

/** All certificates that packages ship, in the order of their names. */
function certificateBundle(tree: Tree): Buffer {
  const files = [...tree.entries()].filter(([path]) => path.startsWith(CERTIFICATES) && path.endsWith('.crt'));
  const sorted = files.toSorted(([a], [b]) => compareBytes(a, b));
  return Buffer.concat(sorted.flatMap(([, { content }]) => (content === undefined ? [] : [contentBytes(content)])));
}
