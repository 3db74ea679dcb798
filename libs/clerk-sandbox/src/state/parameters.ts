import { invalidParameter } from '../api/api-error.js';
import type { Metadata } from './json.js';

/** A request body or a programmatic argument: untyped until it is read here. */
export type Parameters = Readonly<Record<string, unknown>>;

/** The string, null where it is null, undefined where it is absent. */
export function optionalText(parameters: Parameters, name: string): string | null | undefined {
  const value = parameters[name];
  if (value === undefined || value === null) return value;
  if (typeof value !== 'string') throw invalidParameter(name, `${name} must be a string`);
  return value === '' ? null : value;
}

export function textList(parameters: Parameters, name: string): string[] {
  const value = parameters[name] ?? [];
  const list = Array.isArray(value) ? value : [value];
  if (!list.every((item) => typeof item === 'string'))
    throw invalidParameter(name, `${name} must be a list of strings`);
  return list;
}

export function optionalMetadata(parameters: Parameters, name: string): Metadata | undefined {
  const value = parameters[name];
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw invalidParameter(name, `${name} must be a JSON object`);
  return value;
}

export function isObject(value: unknown): value is Metadata {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Clerk's metadata patch: objects merge deeply, null removes a key. https://clerk.com/docs/reference/backend/user/update-user-metadata */
export function mergeMetadata(current: Metadata, patch: Metadata): Metadata {
  const merged: Metadata = { ...current };
  for (const [key, value] of Object.entries(patch)) {
    const before = merged[key];
    if (value === null) delete merged[key];
    else merged[key] = isObject(value) ? mergeMetadata(isObject(before) ? before : {}, value) : value;
  }
  return merged;
}
