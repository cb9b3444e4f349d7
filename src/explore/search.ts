/** What a search looks for: see `SearchQuery.text`. A pattern without a slash is one of names, wherever they are. */
export function matcherOf(wanted: string | RegExp): (path: string) => boolean {
  if (wanted instanceof RegExp) {
    // With `g` or `y` it would remember where it stopped.
    const pattern = new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, ''));
    return (path) => pattern.test(`/${path}`);
  }
  if (!/[*?]/.test(wanted)) {
    const part = wanted.toLowerCase();
    return (path) => `/${path}`.toLowerCase().includes(part);
  }
  const body = wanted
    .replace(/^\//, '')
    .split(/(\*\*\/?|\*|\?)/)
    .map((piece) => {
      if (piece === '**/') return '(?:.*/)?';
      if (piece === '**') return '.*';
      if (piece === '*') return '[^/]*';
      return piece === '?' ? '[^/]' : piece.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    })
    .join('');
  const pattern = new RegExp(`^${wanted.includes('/') ? '' : '(?:.*/)?'}${body}$`, 'is');
  return (path) => pattern.test(path);
}
