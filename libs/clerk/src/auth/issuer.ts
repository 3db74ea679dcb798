/**
 * The issuer that an instance's tokens name, from its publishable key: `pk_test_` or `pk_live_` and, in base64, the host of
 * the Frontend API with a `$` behind it. Null when the key is not of that form.
 *
 * @see https://github.com/clerk/javascript/blob/main/packages/shared/src/keys.ts
 */
export function issuerOf(publishableKey: string): string | null {
  const encoded = publishableKey.replace(/^pk_(?:test|live)_/, '');
  const host = Buffer.from(encoded, 'base64').toString('utf8');
  return /^[a-z0-9.-]+(?::\d+)?\$$/i.test(host) ? `https://${host.slice(0, -1)}` : null;
}
