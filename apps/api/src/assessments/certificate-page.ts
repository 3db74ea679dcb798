import { createHash } from 'node:crypto';

export interface PrintedCertificate {
  readonly code: string;
  readonly title: string;
  /** Null where there is none, or no longer. */
  readonly holderName: string | null;
  readonly issuedAt: Date;
}

const STYLE = `
@page { size: A4 landscape; margin: 0 }
body { margin: 0; font-family: Georgia, serif; color: #123; }
main { box-sizing: border-box; min-height: 100vh; padding: 12vh 8vw; border: 1.2rem double #0a5c6b; text-align: center; }
h1 { font-size: 3rem; margin: 0 0 2rem; }
strong { display: block; font-size: 2rem; margin: 1rem; overflow-wrap: anywhere; }
code { font-size: .9rem; overflow-wrap: anywhere; }`;

/** Nothing but the page's own style: what a holder's name may hold cannot run or load. https://www.w3.org/TR/CSP3/ */
export const CERTIFICATE_PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** A page of HTML that prints on one sheet. */
export function certificatePage({ code, title, holderName, issuedAt }: PrintedCertificate): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Certificate: ${escaped(title)}</title>
<style>${STYLE}</style>
<main>
<h1>Certificate</h1>
<p>${holderName === null ? 'The holder is not named.' : `<strong>${escaped(holderName)}</strong>`}</p>
<p>has passed <strong>${escaped(title)}</strong></p>
<p>on <time datetime="${issuedAt.toISOString()}">${issuedAt.toISOString().slice(0, 10)}</time></p>
<p>Code: <code>${escaped(code)}</code></p>
</main>
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
