import { randomBytes } from 'node:crypto';

import { BadRequestException, Injectable, NotFoundException } from '@nestjs/common';
import { ClerkError, type MirroredUser } from 'nest-clerk';

import { lockLiveUsers } from '../database/live-users.js';
import { pageArguments, pageOf, type PageQuery } from '../database/page.js';
import { PrismaService } from '../database/prisma.service.js';
import { type RowOwner, withAuth } from '../database/with-auth.js';
import { displayName } from '../users/user-response.js';
import type { Assessment } from './catalogue.js';
import { type Answers, grade } from './grade.js';

/** 128 bits: nobody finds a certificate by trying. */
const CODE_BYTES = 16;

export interface Progress {
  readonly attempts: number;
  /** Most right answers of an attempt; null before the first. */
  readonly bestCorrect: number | null;
  /** Null until the assessment is passed. */
  readonly certificateCode: string | null;
}

/** Attempts and certificates. The service writes them; a user reads his own, through row level security. */
@Injectable()
export class AssessmentsService {
  constructor(private readonly prisma: PrismaService) {}

  /**
   * Grades and keeps an attempt. Passing gives a certificate, the first time: later and concurrent attempts get the same one.
   *
   * @throws BadRequestException VALIDATION_FAILED when the answers are not to these questions
   * @throws ClerkError USER_DELETED when the user was deleted meanwhile
   */
  async take(user: MirroredUser, assessment: Assessment, answers: Answers) {
    const grading = grade(assessment, answers);
    if (grading.outcome === 'unreadable') {
      throw new BadRequestException({ code: 'VALIDATION_FAILED', message: grading.problem });
    }
    const { correct, total, isPassed } = grading;
    const owner = { userId: user.id, clerkUserId: user.clerkId, assessment: assessment.slug };
    return this.prisma.$transaction(async (transaction) => {
      const live = await lockLiveUsers(transaction, [user.clerkId]);
      if (!live.has(user.clerkId)) throw new ClerkError('USER_DELETED', 'The user is deleted.');
      const attempt = await transaction.assessmentAttempt.create({
        data: { ...owner, correct, total, isPassed },
      });
      if (isPassed) {
        const code = randomBytes(CODE_BYTES).toString('hex');
        await transaction.certificate.createMany({
          data: { ...owner, code, holderName: displayName(user) },
          skipDuplicates: true,
        });
      }
      return attempt;
    });
  }

  /** What the user took, the newest first. */
  async history(owner: RowOwner, page: PageQuery) {
    const own = this.prisma.$extends(withAuth(owner));
    return pageOf(
      await own.assessmentAttempt.findMany(pageArguments(page, { clerkUserId: owner.userId })),
      page,
    );
  }

  /** @throws NotFoundException ATTEMPT_NOT_FOUND, for somebody else's too */
  async attempt(owner: RowOwner, id: string) {
    const own = this.prisma.$extends(withAuth(owner));
    const found = await own.assessmentAttempt.findUnique({ where: { id, clerkUserId: owner.userId } });
    if (found !== null) return found;
    throw new NotFoundException({
      code: 'ATTEMPT_NOT_FOUND',
      message: 'There is no such attempt of this user.',
    });
  }

  /** How far the user is, by the assessment's slug. */
  async progress(owner: RowOwner): Promise<ReadonlyMap<string, Progress>> {
    const own = this.prisma.$extends(withAuth(owner));
    const where = { clerkUserId: owner.userId };
    const [taken, passed] = await own.$transaction(async (transaction) => [
      await transaction.assessmentAttempt.groupBy({
        by: ['assessment'],
        where,
        _count: true,
        _max: { correct: true },
      }),
      await transaction.certificate.findMany({ where }),
    ]);
    const codes = new Map(passed.map(({ assessment, code }) => [assessment, code]));
    return new Map(
      taken.map(({ assessment, _count, _max }) => [
        assessment,
        {
          attempts: _count,
          bestCorrect: _max.correct,
          certificateCode: codes.get(assessment) ?? null,
        },
      ]),
    );
  }
}
