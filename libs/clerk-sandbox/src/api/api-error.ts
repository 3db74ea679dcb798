/** An answer that is an error, in Clerk's form. https://clerk.com/docs/guides/development/errors/overview */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  readonly status: number;
  readonly code: string;
  /** Which parameter is at fault. */
  readonly parameter: string | undefined;

  constructor(status: number, code: string, { message, parameter }: { message: string; parameter?: string }) {
    super(message);
    this.status = status;
    this.code = code;
    this.parameter = parameter;
  }
}

export function notFound(what = 'Resource'): ApiError {
  return new ApiError(404, 'resource_not_found', { message: `${what} not found` });
}

export function invalidParameter(name: string, message: string): ApiError {
  return new ApiError(422, 'form_param_format_invalid', { message, parameter: name });
}

export function missingParameter(name: string): ApiError {
  return new ApiError(422, 'form_param_missing', { message: `${name} is missing`, parameter: name });
}

/** The body that Clerk sends with an error. */
export function errorBody(error: ApiError, traceId: string): unknown {
  const meta = error.parameter === undefined ? {} : { param_name: error.parameter };
  return {
    errors: [{ code: error.code, message: error.message, long_message: `${error.message}.`, meta }],
    clerk_trace_id: traceId,
  };
}
