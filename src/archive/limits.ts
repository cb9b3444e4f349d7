/** Most bytes that the body of one PAX header (`x` or `g`) may have; Go's limit. */
export const PAX_HEADER_BYTES_MAX: number = 1024 * 1024;

/** Most bytes that a GNU long name or long link (`L`, `K`) may have before it is looked at as a path. */
export const LONG_NAME_BYTES_MAX: number = 1024 * 1024;

/** Most bytes of a clean path, and of a symlink's target (Linux PATH_MAX). */
export const PATH_BYTES_MAX = 4096;

/** Most bytes of one component of a path (Linux NAME_MAX). */
export const COMPONENT_BYTES_MAX = 255;

/** Most components of a path. Deeper trees cannot be walked by most programs. */
export const PATH_DEPTH_MAX = 2000;

/** Most headers of one tar, unless the caller says otherwise; more than any image has, and bounded for an index. */
export const ENTRIES_MAX = 4_000_000;

/** Most parts of a sparse file. */
export const SPARSE_EXTENTS_MAX = 100_000;

/** Most bytes that a sparse file may claim to have when expanded: 16 TiB, the largest file of ext4. */
export const SPARSE_BYTES_MAX: number = 16 * 1024 ** 4;

/** Most bytes of the value of an extended attribute (Linux XATTR_SIZE_MAX). */
export const XATTR_VALUE_BYTES_MAX = 65_536;

/** Most bytes of the name of an extended attribute, namespace included (Linux XATTR_NAME_MAX). */
export const XATTR_NAME_BYTES_MAX = 255;

/** Largest user or group id: 2^32 - 1 means "no change" to the kernel (CVE-2024-40635 is about larger ones). */
export const ID_MAX: number = 2 ** 32 - 2;

/** Largest device numbers of Linux. */
export const DEVICE_MAJOR_MAX = 4095;
export const DEVICE_MINOR_MAX = 1_048_575;
