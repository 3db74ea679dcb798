/**
 * Where a change stands in Clerk's own order: compared field by field, in this order. Our clocks never take part.
 */
export interface SourceVersion {
  /** `data.updated_at` of the object; the envelope's `timestamp` where it has none. Unix time, milliseconds. */
  readonly updatedAtMs: number;
  /** The envelope's `timestamp`. Unix time, milliseconds. For an API snapshot: 0. */
  readonly timestampMs: number;
  /** `svix-id` of the delivery; empty for an API snapshot. Compared as bytes. */
  readonly deliveryId: string;
}

/** The version of an object as the Backend API gave it: below that of a webhook with the same `updated_at`, which says as much. */
export function snapshotVersion({ updatedAt }: { readonly updatedAt: Date }): SourceVersion {
  return { updatedAtMs: updatedAt.getTime(), timestampMs: 0, deliveryId: '' };
}

/** Whether handlers hear nothing of it. */
export function isSnapshot({ deliveryId }: SourceVersion): boolean {
  return deliveryId === '';
}

/** Negative when `a` is older than `b`, 0 when they are the same change, positive when newer. */
export function compareSourceVersions(a: SourceVersion, b: SourceVersion): number {
  return (
    a.updatedAtMs - b.updatedAtMs ||
    a.timestampMs - b.timestampMs ||
    Buffer.compare(Buffer.from(a.deliveryId), Buffer.from(b.deliveryId))
  );
}
