/**
 * Whole seconds that `Retry-After` asks to wait, rounded up; null where it is missing or unreadable. A date that has passed: 0.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function retryAfterSeconds(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header)) return Number(header);
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) || /^[-+.\d]+$/.test(header)
    ? null
    : Math.max(0, Math.ceil((atMs - nowMs) / 1_000));
}
