import { BadRequestException, StandardSchemaValidationPipe } from '@nestjs/common';

/** More is no help to anybody. */
const ISSUES_SHOWN_MAX = 10;
/** Characters: names of fields are in it, and those are as long as the caller likes. */
const DETAIL_LENGTH_MAX = 1_000;

type Issue = Parameters<
  NonNullable<NonNullable<ConstructorParameters<typeof StandardSchemaValidationPipe>[0]>['exceptionFactory']>
>[0][number];

/**
 * Validates what a route declares a schema for. Says what is wrong and where, in at most 10 lines of 1,000 characters together;
 * never repeats a value that was sent.
 */
export function validationPipe(): StandardSchemaValidationPipe {
  return new StandardSchemaValidationPipe({
    exceptionFactory: (issues) => {
      const detail = issues.slice(0, ISSUES_SHOWN_MAX).map(lineOf).join('; ');
      const message = detail.slice(0, DETAIL_LENGTH_MAX).toWellFormed();
      return new BadRequestException({ code: 'VALIDATION_FAILED', message });
    },
  });
}

function lineOf(issue: Issue): string {
  const where = (issue.path ?? [])
    .map((segment) => String(typeof segment === 'object' ? segment.key : segment))
    .join('.');
  const what = isOfUnknownFields(issue) ? 'has fields that are not asked for' : issue.message;
  return where === '' ? what : `${where}: ${what}`;
}

/** Zod's message repeats the name of each of them. https://zod.dev/error-customization (read 2026-11-21) */
function isOfUnknownFields(issue: Issue): boolean {
  return 'code' in issue && issue.code === 'unrecognized_keys';
}
