import { type Fix, replacement } from '../../fix.ts';
import type { LintRule } from '../../rule.ts';

const ARCHIVE = /\.(?:tar|tar\.(?:gz|bz2|xz|zst|lz|lzma)|tgz|tbz2?|txz|tzst|gz|bz2|xz|zst|lzma)["']?$/i;
const REMOTE = /^["']?(?:https?:|ftp:|git:|ssh:|git@|\$)|\.git(?:#.*)?["']?$/i;

export const addInsteadOfCopy: LintRule = {
  id: 'add-instead-of-copy',
  aliases: ['DL3020', 'DS-0005', 'CKV_DOCKER_4'],
  topic: 'files',
  severity: 'error',
  title: 'COPY takes files of the context, ADD archives and addresses',
  why: 'ADD unpacks what happens to be an archive and fetches what looks like an address. For plain files COPY says what is meant, and stays so when a file changes its kind.',
  bad: 'FROM debian:12\nADD src /src/',
  good: 'FROM debian:12\nCOPY src /src/',
  fix: 'safe',
  *check({ steps }) {
    for (const { instruction, node } of steps) {
      if (instruction?.kind !== 'add') continue;
      const { sources, inline, checksum, keepGitDir, unpack } = instruction;
      const all = sources.length + inline.length;
      if (all === 0 || sources.some(({ text }) => ARCHIVE.test(text) || REMOTE.test(text))) continue;
      if (sources.some(({ text }) => /[*?[]/.test(text) && !/\.\w+$/.test(text))) continue;
      const keyword = node.keyword.text === node.name ? 'copy' : 'COPY';
      const fix: Fix = {
        title: `write ${keyword}`,
        safety: 'safe',
        effect: 'none',
        edits: [replacement(node.keyword, keyword)],
      };
      const isPlain = checksum === undefined && keepGitDir === undefined && unpack === undefined;
      yield { message: 'COPY is enough for files of the context', span: node.keyword, ...(isPlain ? { fix } : {}) };
    }
  },
};
