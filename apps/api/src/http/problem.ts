import { STATUS_CODES } from 'node:http';

import { HttpException } from '@nestjs/common';

/** The body of an error. https://www.rfc-editor.org/rfc/rfc9457 */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  /** Stable: what a program branches on. */
  readonly code: string;
  readonly detail: string;
}

const CODES: Readonly<Record<number, string>> = {
  400: 'BAD_REQUEST',
  403: 'NOT_ALLOWED',
  404: 'ROUTE_NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  408: 'REQUEST_TIMEOUT',
  413: 'BODY_TOO_LARGE',
  414: 'URL_TOO_LONG',
  415: 'CONTENT_TYPE_NOT_SUPPORTED',
  422: 'VALIDATION_FAILED',
  431: 'HEADERS_TOO_LARGE',
};

/** A problem of the caller's making, with the code of its status. */
export function problemWith(status: number, detail: string): Problem {
  const title = STATUS_CODES[status] ?? 'Error';
  return { type: 'about:blank', title, status, code: CODES[status] ?? 'REQUEST_REFUSED', detail };
}

/** What an exception of Nest or Fastify is to the caller; anything else is ours, and says nothing. */
export function problemOf(exception: unknown): Problem {
  const status = statusOf(exception);
  const title = STATUS_CODES[status] ?? 'Error';
  if (status >= 500 && !hasOwnCode(exception)) {
    return {
      type: 'about:blank',
      title,
      status,
      code: 'INTERNAL_ERROR',
      detail: 'Something went wrong here.',
    };
  }
  const { code, message } = bodyOf(exception);
  return {
    type: 'about:blank',
    title,
    status,
    code: code ?? CODES[status] ?? 'REQUEST_REFUSED',
    detail: message ?? title,
  };
}

function statusOf(exception: unknown): number {
  if (exception instanceof HttpException) return exception.getStatus();
  const status = exception instanceof Error && 'statusCode' in exception ? exception.statusCode : undefined;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
}

function hasOwnCode(exception: unknown): boolean {
  return exception instanceof HttpException && bodyOf(exception).code !== undefined;
}

function bodyOf(exception: unknown): { code?: string; message?: string } {
  if (!(exception instanceof HttpException)) {
    return exception instanceof Error ? { message: exception.message } : {};
  }
  const body = exception.getResponse();
  if (typeof body === 'string') return { message: body };
  const { code, message }: Readonly<Record<string, unknown>> = { ...body };
  return {
    ...(typeof code === 'string' ? { code } : {}),
    ...(Array.isArray(message) ? { message: message.join('; ') } : {}),
    ...(typeof message === 'string' ? { message } : {}),
  };
}
