import { BadRequestException, StandardSchemaValidationPipe } from '@nestjs/common';

/** More is no help to anybody. */
const ISSUES_SHOWN_MAX = 10;

/** Validates what a route declares a schema for. Says what is wrong and where; never repeats what was sent. */
export function validationPipe(): StandardSchemaValidationPipe {
  return new StandardSchemaValidationPipe({
    exceptionFactory: (issues) => {
      const lines = issues.slice(0, ISSUES_SHOWN_MAX).map(({ path = [], message }) => {
        const where = path
          .map((segment) => String(typeof segment === 'object' ? segment.key : segment))
          .join('.');
        return where === '' ? message : `${where}: ${message}`;
      });
      return new BadRequestException({ code: 'VALIDATION_FAILED', message: lines.join('; ') });
    },
  });
}
