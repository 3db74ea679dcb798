import { ClerkProvider, useAuth } from '@clerk/react';
import { act, render, type RenderResult } from '@testing-library/react';
import { createElement, Fragment, type FunctionComponent, StrictMode } from 'react';

import { BackendProvider } from '../src/backend-provider.js';
import type { TestClerk } from './test-clerk.js';

// Names `clerk.sandbox.test`, which can never be real (RFC 2606).
const PUBLISHABLE_KEY = 'pk_test_Y2xlcmsuc2FuZGJveC50ZXN0JA==';

export interface RenderedHook<T> extends RenderResult {
  /** What the hook returned last. */
  readonly last: () => T;
  /** All that it ever returned. */
  readonly seen: readonly T[];
}

interface RenderHooksOptions<T> {
  readonly clerk: TestClerk;
  readonly baseUrl: string;
  readonly copies?: number;
  readonly isLate?: boolean;
  readonly hasInner?: (value: T) => boolean;
}

/**
 * Renders components that use the hook under StrictMode and Clerk's own provider; `isLate`: once Clerk is loaded; `hasInner`: when
 * there is one inside each that uses it as well.
 */
export function renderHooks<T>(
  useHook: () => T,
  { clerk, baseUrl, copies = 1, isLate = false, hasInner = () => false }: RenderHooksOptions<T>,
): RenderedHook<T> {
  const seen: T[] = [];
  const Inner: FunctionComponent = () => {
    seen.push(useHook());
    return null;
  };
  const Probe: FunctionComponent = () => {
    const value = useHook();
    seen.push(value);
    return hasInner(value) ? createElement(Inner) : null;
  };
  const Probes: FunctionComponent = () => {
    const { isLoaded } = useAuth();
    if (isLate && !isLoaded) return null;
    const probes = Array.from({ length: copies }, (_, index) => createElement(Probe, { key: index }));
    return createElement(Fragment, {}, probes);
  };
  const children = createElement(BackendProvider, { baseUrl }, createElement(Probes));
  const clerkOptions = { publishableKey: PUBLISHABLE_KEY, Clerk: clerk.asProp, telemetry: false } as const;
  const provider = createElement(ClerkProvider, { ...clerkOptions, children });
  const rendered = render(createElement(StrictMode, {}, provider));
  const last = () => {
    const value = seen.at(-1);
    if (value === undefined) throw new Error('The hook has not run.');
    return value;
  };
  return { ...rendered, last, seen };
}

/** Lets React and the network go on until it holds. */
export async function until(holds: () => boolean): Promise<void> {
  const startedMs = performance.now();
  while (!holds()) {
    if (performance.now() - startedMs > 20_000) throw new Error('It does not hold after 20 s.');
    await act(() => new Promise<void>((resolve) => setImmediate(resolve)));
  }
}
