/**
 * The parts of the EROFS on-disk format that a layer index uses: Linux fs/erofs/erofs_fs.h, "erofs_super_block",
 * "erofs_inode_extended", "erofs_dirent", "erofs_inode_chunk_index", "erofs_xattr_entry". All numbers are little endian.
 */

/** 512-byte blocks: content in a tar begins at multiples of 512 bytes, so every file starts on a block. */
export const BLOCK_BITS = 9;
export const BLOCK_BYTES: number = 1 << BLOCK_BITS;

export const SUPER_OFFSET = 1024;
export const SUPER_BYTES = 128;
export const SUPER_MAGIC = 0xe0f5e1e2;
export const SUPER = {
  magic: 0,
  checksum: 4,
  featureCompat: 8,
  blockBits: 12,
  extSlots: 13,
  rootNid: 14,
  inodes: 16,
  buildTime: 24,
  buildTimeNs: 32,
  blocks: 36,
  metaBlock: 40,
  xattrBlock: 44,
  uuid: 48,
  volumeName: 64,
  featureIncompat: 80,
  extraDevices: 86,
  deviceSlot: 88,
  dirBlockBits: 90,
} as const;
/**
 * The checksum runs over the block that starts with the superblock. It is for our own reader: the feature bit that
 * announces it is not set, because fsck.erofs (1.8.6) crashes on it with blocks as small as these.
 */
export const SUPER_CHECKSUM_BYTES: number = BLOCK_BYTES;

/** Inode times are modification times. */
export const UUID_BYTES = 16;

export const COMPAT_MTIME = 0x2;
export const INCOMPAT_CHUNKED_FILE = 0x4;
export const INCOMPAT_DEVICE_TABLE = 0x8;
export const INCOMPAT_USED: number = INCOMPAT_CHUNKED_FILE | INCOMPAT_DEVICE_TABLE;

export const DEVICE_SLOT_BYTES = 128;
export const DEVICE_SLOTS_OFFSET: number = SUPER_OFFSET + SUPER_BYTES;
export const DEVICE = { tag: 0, blocks: 64, mappedBlock: 68 } as const;

/** A node id counts slots of 32 bytes from the start of the image. */
export const NID_BITS = 5;
export const NID_BYTES: number = 1 << NID_BITS;

export const INODE_BYTES = 64;
export const INODE = {
  format: 0,
  xattrCount: 2,
  mode: 4,
  size: 8,
  union: 16,
  ino: 20,
  uid: 24,
  gid: 28,
  mtime: 32,
  mtimeNs: 40,
  nlink: 44,
} as const;

/** `i_format`: bit 0 is "extended", bits 1–3 are the data layout. */
export const LAYOUT_PLAIN = 0;
export const LAYOUT_INLINE = 2;
export const LAYOUT_CHUNKS = 4;
export const NULL_BLOCK = 0xffffffff;

/** A directory whose inode number has this bit stands in no entry of the tar: it is there because its children are. */
export const INO_IMPLIED = 0x80000000;

export const CHUNK_INDEXES = 0x20;
export const CHUNK_BITS_MASK = 0x1f;
export const CHUNK_BITS_MAX = 31;
export const CHUNK_INDEX_BYTES = 8;

export const DIRENT_BYTES = 12;
export const NAME_BYTES_MAX = 255;
export const LINK_TARGET_BYTES_MAX = 4095;
export const LINKS_FOLLOWED_MAX = 40;

export const XATTR_HEADER_BYTES = 12;
export const XATTR_ENTRY_BYTES = 4;

export const S_IFMT = 0o170000;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFDIR = 0o040000;
export const S_IFBLK = 0o060000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;

/** File types of directory entries (FT_* of the kernel). */
export const FT_REG = 1;
export const FT_DIR = 2;
export const FT_CHR = 3;
export const FT_BLK = 4;
export const FT_FIFO = 5;
export const FT_LNK = 7;

export const VOLUME_NAME = 'shale-1';
/** The volume name of an index with implied directories below its root: a chain of indexes without any needs no fix-up. */
export const VOLUME_NAME_IMPLIED = 'shale-1-implied';

export function alignUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** The kernel's 32-bit device number (`new_encode_dev`): 12 bits of major, 20 bits of minor. */
export function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

export function decodeDevice(value: number): { readonly major: number; readonly minor: number } {
  return { major: (value >>> 8) & 0xfff, minor: (value & 0xff) | ((value >>> 12) & 0xfff00) };
}

/** CRC-32C without the final inversion, as the superblock wants it. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0x82f63b78 & -(crc & 1));
  }
  return crc >>> 0;
}
