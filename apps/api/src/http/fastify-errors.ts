import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

import type { FastifyReply } from 'fastify';

import { problemWith } from './problem.js';

/** What Fastify finds wrong with a URL before any route or filter sees the request. */
export function answerFrameworkError(
  error: { statusCode?: number },
  _req: unknown,
  reply: FastifyReply,
): void {
  const problem =
    error.statusCode === 414
      ? problemWith(414, 'The URL is too long.')
      : problemWith(400, 'The URL is malformed.');
  void reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

/** What Node finds wrong with a request before Fastify sees it: there is a socket to write to, and nothing else. */
export function answerClientError(error: { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const problem =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? problemWith(431, 'The headers are too large.')
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? problemWith(408, 'The request did not arrive in time.')
        : problemWith(400, 'This is not HTTP.');
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nconnection: close\r\n` +
      `content-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
