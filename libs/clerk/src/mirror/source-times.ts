import { timeMsOrNull } from '../users/storable-json.js';

/** When Clerk made and last changed an object. */
export interface SourceTimes {
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A missing `updated_at` counts as `timestampMs` (the envelope's), a missing `created_at` as `updated_at`. Null without any. */
export function sourceTimesOf(
  json: Readonly<Record<string, unknown>>,
  timestampMs?: number,
): SourceTimes | null {
  const updatedAtMs = timeMsOrNull(json['updated_at']) ?? timeMsOrNull(timestampMs);
  if (updatedAtMs === null) return null;
  return {
    createdAt: new Date(timeMsOrNull(json['created_at']) ?? updatedAtMs),
    updatedAt: new Date(updatedAtMs),
  };
}
