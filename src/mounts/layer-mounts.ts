import { closeSync, fstatSync, mkdirSync, openSync, rmdirSync } from 'node:fs';
import { ShaleError } from '../base/index.ts';
import { MNT, mountDetached, unmount, type FsParameter } from '../sys/index.ts';
import { attachOrClose, openDirectory } from './overlay.ts';
import type { ErofsLayer, FileSource, HostLayer } from './protocol.ts';

/** Layers that nothing uses stay mounted up to this number: the next step of a build wants most of them again. */
const IDLE_MAX = 600;

interface Held {
  readonly fd: number;
  /** Where it is attached, for kernels that want a place. */
  readonly place: string | undefined;
  uses: number;
}

/**
 * The layers that this host has mounted, one superblock for each key whatever the number of rootfs made of it: a second
 * superblock of the same layer would have a page cache of its own (+118 MB for a 110 MB layer), and mounting anew for
 * each of 30 steps costs 113-142 ms instead of 7-17.
 */
export class LayerMounts {
  readonly #held = new Map<string, Held>();
  readonly #placesDir: string | undefined;
  #places = 0;

  /** `placesDir`: give every mount a place in this directory; undefined where overlay takes detached mounts. */
  constructor(placesDir: string | undefined) {
    this.#placesDir = placesDir;
  }

  /** The descriptor of a layer's root, in use until `release`. @throws MOUNT_TAR_SIZE, and what the kernel says. */
  acquire(layer: HostLayer): number {
    if (layer.kind === 'erofs') this.#checkSizes(layer);
    let held = this.#held.get(layer.key);
    if (held === undefined) held = layer.kind === 'erofs' ? this.#mount(layer) : openTree(layer.directory);
    else this.#held.delete(layer.key); // put back at the end: the order of the map is the order of last use
    held.uses++;
    this.#held.set(layer.key, held);
    return held.fd;
  }

  release(key: string): void {
    const held = this.#held.get(key);
    if (held !== undefined && held.uses > 0) held.uses--;
    this.#evict();
  }

  close(): void {
    for (const held of this.#held.values()) drop(held);
    this.#held.clear();
  }

  #checkSizes(layer: ErofsLayer): void {
    for (const { file, sizeBytes } of layer.data) {
      if (sizeBytes === undefined) continue;
      const fd = open(file);
      try {
        const actual = fstatSync(fd).size;
        if (actual === sizeBytes) continue;
        throw new ShaleError(
          'MOUNT_TAR_SIZE',
          `the data of layer ${layer.key} is ${actual} bytes long, expected ${sizeBytes}: not mounted`,
          { data: { layer: layer.key, file, actual, expected: sizeBytes }, hint: 'shale system check --repair' },
        );
      } finally {
        close(file, fd);
      }
    }
  }

  #mount(layer: ErofsLayer): Held {
    const files = [layer.index, ...layer.data.map((data) => data.file)];
    const opened: number[] = [];
    try {
      for (const file of files) opened.push(open(file));
      // By descriptor: the kernel takes at most 256 characters for a parameter, and nobody can swap the file meanwhile.
      const parameters = opened.map((fd, i): FsParameter => [i === 0 ? 'source' : 'device', `/proc/self/fd/${fd}`]);
      const fd = mountDetached('erofs', parameters);
      if (this.#placesDir === undefined) return { fd, place: undefined, uses: 0 };
      const place = `${this.#placesDir}/${this.#places++}`;
      mkdirSync(place);
      return { fd: attachOrClose(fd, place), place, uses: 0 };
    } finally {
      opened.forEach((fd, index) => close(files[index] ?? fd, fd));
    }
  }

  #evict(): void {
    if (this.#held.size <= IDLE_MAX) return;
    for (const [key, held] of this.#held) {
      if (this.#held.size <= IDLE_MAX) return;
      if (held.uses > 0) continue;
      this.#held.delete(key);
      drop(held);
    }
  }
}

function openTree(directory: string): Held {
  return { fd: openDirectory(directory), place: undefined, uses: 0 };
}

function drop(held: Held): void {
  closeSync(held.fd);
  if (held.place === undefined) return;
  unmount(held.place, MNT.DETACH);
  rmdirSync(held.place);
}

function open(file: FileSource): number {
  return typeof file === 'number' ? file : openSync(file, 'r');
}

function close(file: FileSource, fd: number): void {
  if (typeof file === 'string') closeSync(fd);
}
