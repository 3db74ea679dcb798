import { HttpException } from '@nestjs/common';

const UNAUTHORIZED = 401;
/** UNAUTHENTICATED. https://grpc.io/docs/guides/status-codes/ */
const GRPC_UNAUTHENTICATED = 16;

/**
 * Whether a guard's error says that nobody was proved to be there: 401 over HTTP, `extensions.code` `UNAUTHENTICATED` as Apollo
 * has it, a `WsException` or `RpcException` with `status` 401, gRPC's status 16.
 */
export function isUnauthenticated(error: unknown): boolean {
  if (error instanceof HttpException) return error.getStatus() === UNAUTHORIZED;
  if (!(error instanceof Error)) return false;
  if ('extensions' in error) return fieldsOf(error.extensions)['code'] === 'UNAUTHENTICATED';
  if (!('getError' in error) || typeof error.getError !== 'function') return false;
  const { status, code } = fieldsOf(error.getError());
  return status === UNAUTHORIZED || code === GRPC_UNAUTHENTICATED;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  // Whatever is an object has fields, of which nothing is known.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
