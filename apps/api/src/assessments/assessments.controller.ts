import { Body, Controller, Get, NotFoundException, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CurrentUser, type MirroredUser } from 'nest-clerk';
import { z } from 'zod';

import { type PageQuery, pageQuerySchema } from '../database/page.js';
import { AssessmentsService } from './assessments.service.js';
import {
  assessmentSchema,
  assessmentResponse,
  attemptResponse,
  attemptSchema,
  questionSchema,
  questionsResponse,
} from './assessment-responses.js';
import { allAssessments, type Assessment, findAssessment } from './catalogue.js';

const attemptIdSchema = z.uuid('must be the id of an attempt');
const answersSchema = z.record(z.string().max(64), z.int());
/** Looked at before each of them is: a body holds a hundred thousand, and that takes half a second. */
const ANSWERS_MAX = 100;
const takeSchema = z.strictObject({
  answers: z
    .unknown()
    .refine((sent) => isSmall(sent), `must be at most ${ANSWERS_MAX} answers`)
    .pipe(answersSchema)
    .meta({ type: 'object', additionalProperties: { type: 'integer' }, maxProperties: ANSWERS_MAX }),
});
const catalogue = z.object({ assessments: z.array(assessmentSchema) });
const opened = z.object({ assessment: assessmentSchema, questions: z.array(questionSchema) });
const taken = z.object({ attempt: attemptSchema });
const listed = z.object({ attempts: z.array(attemptSchema), next_cursor: z.string().nullable() });

@ApiTags('assessments')
@ApiBearerAuth()
@Controller('api/assessments')
export class AssessmentsController {
  constructor(private readonly assessments: AssessmentsService) {}

  @Get()
  @ApiOperation({ summary: 'What can be taken, and how far the signed-in user is' })
  @ApiResponse({ status: 200, standardSchema: catalogue })
  async list(@CurrentUser() user: MirroredUser): Promise<z.infer<typeof catalogue>> {
    const progress = await this.assessments.progress({ userId: user.clerkId });
    return {
      assessments: allAssessments().map((each) => assessmentResponse(each, progress.get(each.slug))),
    };
  }

  @Get('attempts')
  @ApiOperation({ summary: 'What the signed-in user took, the newest first' })
  @ApiResponse({ status: 200, standardSchema: listed })
  async history(
    @Query({ schema: pageQuerySchema }) page: PageQuery,
    @CurrentUser() user: MirroredUser,
  ): Promise<z.infer<typeof listed>> {
    const { rows, nextCursor } = await this.assessments.history({ userId: user.clerkId }, page);
    return { attempts: rows.map(attemptResponse), next_cursor: nextCursor };
  }

  @Get('attempts/:id')
  @ApiOperation({ summary: 'An attempt of the signed-in user' })
  @ApiResponse({ status: 200, standardSchema: taken })
  async attempt(
    @Param('id', { schema: attemptIdSchema }) id: string,
    @CurrentUser() user: MirroredUser,
  ): Promise<z.infer<typeof taken>> {
    return { attempt: attemptResponse(await this.assessments.attempt({ userId: user.clerkId }, id)) };
  }

  @Get(':slug')
  @ApiOperation({ summary: 'The questions of an assessment, and how far the signed-in user is' })
  @ApiResponse({ status: 200, standardSchema: opened })
  async open(
    @Param('slug') slug: string,
    @CurrentUser() user: MirroredUser,
  ): Promise<z.infer<typeof opened>> {
    const assessment = requireAssessment(slug);
    const progress = await this.assessments.progress({ userId: user.clerkId });
    return {
      assessment: assessmentResponse(assessment, progress.get(slug)),
      questions: questionsResponse(assessment),
    };
  }

  @Post(':slug/attempts')
  @ApiOperation({
    summary: 'Take an assessment: `answers` holds the index of a choice for each question id',
    description: 'Graded here. Passing gives a certificate: its code is in the progress of the assessment.',
  })
  @ApiResponse({ status: 201, standardSchema: taken })
  async take(
    @Param('slug') slug: string,
    @Body({ schema: takeSchema }) { answers }: z.infer<typeof takeSchema>,
    @CurrentUser() user: MirroredUser,
  ): Promise<z.infer<typeof taken>> {
    return { attempt: attemptResponse(await this.assessments.take(user, requireAssessment(slug), answers)) };
  }
}

function isSmall(sent: unknown): boolean {
  return typeof sent !== 'object' || sent === null || Object.keys(sent).length <= ANSWERS_MAX;
}

function requireAssessment(slug: string): Assessment {
  const assessment = findAssessment(slug);
  if (assessment !== null) return assessment;
  throw new NotFoundException({ code: 'ASSESSMENT_NOT_FOUND', message: 'There is no such assessment.' });
}
