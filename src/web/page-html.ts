import { createHash } from 'node:crypto';

/** What the page may load: nothing but what is named. */
const NOTHING_ELSE = "default-src 'none'; base-uri 'none'; form-action 'none'";

export interface PageParts {
  readonly title: string;
  /** Elements of the head and the end of the body, as HTML of ours. */
  readonly head: string;
  readonly foot: string;
}

/** The page's HTML. Of an image it holds the name in the title only. */
export function pageHtml({ title, head, foot }: PageParts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
${head}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
</head>
<body>
<noscript>This page needs JavaScript; it is all in the page itself.</noscript>
<div id="page"></div>
${foot}
</body>
</html>
`;
}

/** The Content-Security-Policy of the served page. */
export const SERVED_POLICY: string = `${NOTHING_ELSE}; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'`;

/** The policy of a page that holds this script and style and asks nobody for anything. */
export function standalonePolicy(script: string, style: string): string {
  return `${NOTHING_ELSE}; script-src ${hashSource(script)}; style-src ${hashSource(style)}`;
}

// CSP level 3, "hash-source".
function hashSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replaceAll(/[&<>"]/g, (character) => entities[character] ?? character);
}
