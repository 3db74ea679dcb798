import { createHash } from 'node:crypto';

import { CERTIFICATE_PAGE_POLICY, certificatePage } from './certificate-page.js';

const issuedAt = new Date('2026-02-03T04:05:06.007Z');
const page = (holderName: string | null) =>
  certificatePage({ code: 'c0de', title: 'Reefs & tides', holderName, issuedAt });

describe('the page of a certificate', () => {
  it('names the holder, the assessment, the day and the code', () => {
    const html = page('Ada Reef');
    expect(html).toContain('<strong>Ada Reef</strong>');
    expect(html).toContain('<strong>Reefs &amp; tides</strong>');
    expect(html).toContain('<time datetime="2026-02-03T04:05:06.007Z">2026-02-03</time>');
    expect(html).toContain('<code>c0de</code>');
  });

  it.each([
    ['a script', '<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
    ['an attribute', `" onload='x'`, '&quot; onload=&#39;x&#39;'],
    ['an entity', '&lt;', '&amp;lt;'],
  ])('shows %s in a name as text', (_name, holderName, shown) => {
    expect(page(holderName)).toContain(`<strong>${shown}</strong>`);
  });

  it('says that there is no name', () => {
    expect(page(null)).toContain('The holder is not named.');
  });

  it('has exactly the style that its policy allows, and nothing else is allowed', () => {
    const style = /<style>(.*?)<\/style>/s.exec(page(null))?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(CERTIFICATE_PAGE_POLICY.split('; ')).toEqual([
      "default-src 'none'",
      `style-src 'sha256-${hash}'`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
  });
});
