import { Controller, Get, Header, NotFoundException, Param, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from 'nest-clerk';
import { z } from 'zod';

import { PrismaService } from '../database/prisma.service.js';
import { prefers } from '../http/accept.js';
import { CERTIFICATE_PAGE_POLICY, certificatePage } from './certificate-page.js';
import { findAssessment } from './catalogue.js';

const codeSchema = z.string().regex(/^[0-9a-f]{32}$/, 'must be the code of a certificate');
const certificate = z.object({
  code: z.string(),
  assessment: z.string(),
  title: z.string(),
  holder_name: z.string().nullable(),
  issued_at: z.iso.datetime(),
});
const verified = z.object({ certificate });

/** Whoever has the code of a certificate may see that it is one. */
@ApiTags('assessments')
@Public(true)
@Controller('certificates')
export class CertificatesController {
  constructor(private readonly prisma: PrismaService) {}

  @Get(':code')
  // The holder may be gone tomorrow, and no search engine needs to know him.
  @Header('cache-control', 'no-store')
  @Header('x-robots-tag', 'noindex')
  @Header('vary', 'accept')
  @ApiOperation({ summary: 'Verify a certificate; with `Accept: text/html` it is a page to print' })
  @ApiProduces('application/json', 'text/html')
  @ApiResponse({ status: 200, standardSchema: verified })
  async verify(
    @Param('code', { schema: codeSchema }) code: string,
    @Req() req: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<z.infer<typeof verified> | string> {
    const row = await this.prisma.certificate.findUnique({ where: { code } });
    if (row === null) {
      throw new NotFoundException({
        code: 'CERTIFICATE_NOT_FOUND',
        message: 'There is no such certificate.',
      });
    }
    const title = findAssessment(row.assessment)?.title ?? row.assessment;
    const { holderName, createdAt } = row;
    if (prefers(req.headers.accept, 'text/html')) {
      void reply.headers({
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': CERTIFICATE_PAGE_POLICY,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      });
      return certificatePage({ code, title, holderName, issuedAt: createdAt });
    }
    return {
      certificate: {
        code,
        assessment: row.assessment,
        title,
        holder_name: holderName,
        issued_at: createdAt.toISOString(),
      },
    };
  }
}
