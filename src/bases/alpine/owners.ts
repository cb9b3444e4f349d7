import type { ByteString } from '../../base/index.ts';
import { contentBytes } from '../rootfs/layer-of-tree.ts';
import type { Tree } from '../rootfs/tree.ts';
import { type InstalledPackage, type Owner, type Permissions, strictest } from './unpack.ts';

/** Gives the ids that names of owners have in the image. */
export type OwnerResolver = (owner: Owner) => Permissions;

/** Packages name the owners of their files; who that is the image's /etc/passwd and /etc/group say. */
export function ownerResolver(tree: Tree): OwnerResolver {
  const users = idsOf(tree, 'etc/passwd');
  const groups = idsOf(tree, 'etc/group');
  return ({ userName, groupName, uid, gid, mode }) => ({
    uid: users.get(userName) ?? uid,
    gid: groups.get(groupName) ?? gid,
    mode,
  });
}

/** Name and number are the first and third field of both files (passwd(5), group(5)). */
function idsOf(tree: Tree, path: ByteString): ReadonlyMap<ByteString, number> {
  const content = tree.find(path)?.content;
  const ids = new Map<ByteString, number>([['root', 0]]);
  if (content === undefined) return ids;
  for (const line of contentBytes(content).toString('latin1').split('\n')) {
    const [name = '', , id = ''] = line.split(':');
    if (name !== '' && /^\d{1,10}$/.test(id)) ids.set(name, Number(id));
  }
  return ids;
}

/** Gives files and folders to the owners that their packages name, unless a script has given them to another one. */
export function settleOwners(tree: Tree, packages: readonly InstalledPackage[], resolve: OwnerResolver): void {
  const folders = new Map<ByteString, { unpacked: Permissions; settled: Permissions }>();
  for (const { folders: shipped } of packages) {
    for (const [folder, { owner, files }] of shipped) {
      const settled = resolve(owner);
      const known = folders.get(folder);
      folders.set(folder, {
        unpacked: known === undefined ? owner : strictest(known.unpacked, owner),
        settled: known === undefined ? settled : strictest(known.settled, settled),
      });
      for (const [name, { owner: fileOwner }] of files)
        settle(tree, folder === '' ? name : `${folder}/${name}`, fileOwner, resolve(fileOwner));
    }
  }
  for (const [folder, { unpacked, settled }] of folders) if (folder !== '') settle(tree, folder, unpacked, settled);
}

function settle(tree: Tree, shipped: ByteString, unpacked: Permissions, settled: Permissions): void {
  const path = tree.resolve(shipped, { followLast: false });
  const inode = tree.find(path);
  if (inode === undefined || inode.uid !== unpacked.uid || inode.gid !== unpacked.gid) return;
  if (settled.uid === inode.uid && settled.gid === inode.gid) return;
  const { uid, gid } = settled;
  tree.set(path, { ...inode, uid, gid });
}
