import { z } from 'zod';

import type { Progress } from './assessments.service.js';
import type { Assessment } from './catalogue.js';

export const assessmentSchema = z.object({
  slug: z.string(),
  title: z.string(),
  question_count: z.int(),
  correct_min: z.int(),
  attempts: z.int(),
  best_correct: z.int().nullable(),
  is_passed: z.boolean(),
  certificate_code: z.string().nullable(),
});

export const questionSchema = z.object({ id: z.string(), text: z.string(), choices: z.array(z.string()) });

export const attemptSchema = z.object({
  id: z.uuid(),
  assessment: z.string(),
  correct: z.int(),
  total: z.int(),
  is_passed: z.boolean(),
  created_at: z.iso.datetime(),
});

export function assessmentResponse(
  { slug, title, questions, correctMin }: Assessment,
  progress: Progress | undefined,
): z.infer<typeof assessmentSchema> {
  const certificateCode = progress?.certificateCode ?? null;
  return {
    slug,
    title,
    question_count: questions.length,
    correct_min: correctMin,
    attempts: progress?.attempts ?? 0,
    best_correct: progress?.bestCorrect ?? null,
    is_passed: certificateCode !== null,
    certificate_code: certificateCode,
  };
}

/** Without the right answers. */
export function questionsResponse({ questions }: Assessment): z.infer<typeof questionSchema>[] {
  return questions.map(({ id, text, choices }) => ({ id, text, choices: [...choices] }));
}

export function attemptResponse(row: {
  id: string;
  assessment: string;
  correct: number;
  total: number;
  isPassed: boolean;
  createdAt: Date;
}): z.infer<typeof attemptSchema> {
  const { id, assessment, correct, total } = row;
  return {
    id,
    assessment,
    correct,
    total,
    is_passed: row.isPassed,
    created_at: row.createdAt.toISOString(),
  };
}
