const JSON_TYPE = 'application/json';

/**
 * Whether an `Accept` field names `mediaType`, and JSON no higher: who does not care gets JSON. Wildcards name nothing.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
 */
export function prefers(accept: string | undefined, mediaType: string): boolean {
  const qualities = new Map((accept ?? '').split(',').map(rangeOf));
  const quality = qualities.get(mediaType) ?? 0;
  return quality > 0 && quality >= (qualities.get(JSON_TYPE) ?? 0);
}

/** Of 0 to 1, 1 where it is not said, and 0 where it is nonsense. */
function rangeOf(text: string): [mediaType: string, quality: number] {
  const [mediaType = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
  return [mediaType, /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(quality) ? Number(quality) : 0];
}
