/** An object of which nothing is known yet. */
export type UnknownRecord = Readonly<Record<string, unknown>>;

/** Whether it has members to look at: lists are refused. */
export function isRecord(value: unknown): value is UnknownRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
