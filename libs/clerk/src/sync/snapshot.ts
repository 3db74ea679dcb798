import type { SourceVersion } from '../users/source-version.js';

/** The version of an object as the Backend API gave it: below that of a webhook with the same `updated_at`, which says as much. */
export function snapshotVersion({ updatedAt }: { readonly updatedAt: Date }): SourceVersion {
  const updatedAtMs = updatedAt.getTime();
  return { updatedAtMs, timestampMs: updatedAtMs, deliveryId: '' };
}
