import type { BaseComparison, BaseFacts } from '../../engine/index.ts';
import { choiceText, comparisonRows } from './base-comparison.ts';

/** A comparison as one page that needs nothing else. */
export function comparisonPage(comparison: BaseComparison): string {
  const [a, b] = comparison.images;
  const title = `${a.name} or ${b.name}?`;
  const rows = comparisonRows(comparison).map(
    ([what, ours, theirs]) =>
      `<tr><th scope="row">${escaped(what)}</th><td>${escaped(ours)}</td><td>${escaped(theirs)}</td></tr>`,
  );
  const reasons = comparison.recommendation.reasons.map((reason) => `<li>${escaped(reason)}</li>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #8884; overflow-wrap: anywhere; }
tbody th { font-weight: 500; white-space: nowrap; }
details { margin-top: 1rem; }
</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p><strong>${escaped(choiceText(comparison))}</strong></p>
<ul>
${reasons.join('\n')}
</ul>
<table>
<thead><tr><td></td><th scope="col">${escaped(a.name)}</th><th scope="col">${escaped(b.name)}</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
${details(a)}
${details(b)}
</body>
</html>
`;
}

function details({ name, libc, behaviour, setuid, users }: BaseFacts): string {
  const list = (items: readonly string[]): string =>
    `<ul>${items.map((item) => `<li>${escaped(item)}</li>`).join('')}</ul>`;
  return `<details><summary>${escaped(name)}: ${escaped(libc.kind === 'none' ? 'no C library' : libc.kind)}, setuid files, users</summary>
${list(behaviour)}
<p>setuid: ${escaped(setuid.join(', ') || 'none')}</p>
<p>users: ${escaped(users.join(', ') || 'none')}</p>
</details>`;
}

/** Names come from images. */
function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
