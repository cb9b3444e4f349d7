import { join } from 'node:path';
import { hexOf, type Digest } from '../oci/index.ts';
import type { StoreFolder } from './types.ts';

/** Where everything lies below the store's root (docs/formats/store.md). */
export class Layout {
  readonly root: string;
  readonly versionFile: string;
  readonly databaseFile: string;
  /** Given up on a full disk, so that deleting can write its records. */
  readonly reserveFile: string;
  /** A copy of the history of tags, from which they are known without the database. */
  readonly tagJournal: string;
  readonly blobs: string;
  readonly ingest: string;

  constructor(root: string) {
    this.root = root;
    this.versionFile = join(root, 'version');
    this.databaseFile = join(root, 'shale.db');
    this.reserveFile = join(root, 'reserve');
    this.tagJournal = join(root, 'tags.log');
    this.blobs = join(root, 'blobs', 'sha256');
    this.ingest = join(root, 'ingest');
  }

  blob(digest: Digest): string {
    return `${this.blobs}/${hexOf(digest)}`;
  }

  folder(name: StoreFolder): string {
    return join(this.root, name);
  }
}

/** Folders that every store has from the start. */
export const FIRST_FOLDERS: readonly string[] = [
  'blobs/sha256',
  'ingest',
  'index',
  'trees',
  'containers',
  'volumes',
  'networks',
  'cache-mounts',
  'build-logs',
  'sources',
];

/** What may stand in a folder that becomes a store. */
export function belongsToStore(name: string): boolean {
  return (
    name.startsWith('.') ||
    name.startsWith('shale.db') ||
    ['lost+found', 'blobs', 'version', 'reserve', 'tags.log'].includes(name) ||
    FIRST_FOLDERS.includes(name)
  );
}
