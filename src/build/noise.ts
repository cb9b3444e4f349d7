import type { ByteString } from '../base/index.ts';

/**
 * Paths that package managers write anew at every run, with times, inode numbers or random bytes in them, and that no
 * program needs. After RUN a layer keeps of them what the layer below had. The list is part of `FORMAT_VERSION`; users
 * switch it off with --keep-noise (docs/reproducible.md).
 */
const NOISE: readonly RegExp[] = [
  /^var\/cache\/ldconfig\/aux-cache$/, // ldconfig: inode numbers and times of libraries
  /^var\/cache\/apt\/(?:src)?pkgcache\.bin$/, // apt: memory image with times
  /^var\/cache\/debconf\/[a-z]+\.dat-old$/, // debconf: the previous state
  /^var\/lib\/dpkg\/(?:status|available|diversions|statoverride)-old$/, // dpkg: the previous state
  /^var\/log\/(?:dpkg|alternatives|bootstrap|fontconfig)\.log$/, // times of every action
  /^var\/log\/apt\/(?:history|term|eipp)\.log(?:\.xz)?$/, // times, process ids
  /^var\/log\/(?:btmp|wtmp|lastlog|faillog)$/, // logins
  /^var\/log\/(?:yum|dnf|dnf\.rpm|dnf\.librepo|hawkey)\.log$/, // times of every action
  /^var\/log\/apk\.log$/,
  /^etc\/(?:passwd|group|shadow|gshadow|subuid|subgid)-$/, // the previous state
  /^var\/lib\/systemd\/random-seed$/,
  /^root\/\.wget-hsts$/, // times of visits
];

export function isNoise(path: ByteString): boolean {
  return NOISE.some((pattern) => pattern.test(path));
}
