// Errors: everything Kin throws is a KinError with a code, or the standard AbortError.
export class KinError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = 'KinError';
    this.code = code;
  }
}

export const fail = (code, message, cause) => {
  throw new KinError(code, message, cause === undefined ? undefined : { cause });
};

export const abortError = () => new DOMException('The call was aborted.', 'AbortError');

// Always an AbortError, whatever reason the signal has.
export const checkAbort = (signal) => {
  if (signal?.aborted) throw abortError();
};

// For what is imported on first use.
export const onFirstUse = (part) => part.catch((error) =>
  fail('cors', `A file of Kin itself could not be loaded: ${error.message}`, error));

// An error whose sentence a function of page/names.js ends, before a caller sees it (`told`): its name and what it takes.
export const toEnd = (error, ...how) => Object.assign(error, { how });
export const meant = (sentence, ...how) => toEnd(new KinError('bad-argument', sentence), ...how);

// What was thrown, which can be anything, in words.
export function reasonOf(error) {
  try {
    return String(error?.message ?? error);
  } catch {
    return 'unknown';
  }
}

// Errors cross to and from a worker as plain objects, their cause as its text.
export const packError = (error) => ({ name: error?.name, code: error?.code, message: reasonOf(error), how: error?.how,
  ...(error?.cause !== undefined && { cause: String(error.cause) }) });
export const unpackError = ({ name, code, message, how, cause }) => (name === 'AbortError' ? abortError()
  : Object.assign(new KinError(typeof code === 'string' ? code : 'failed', message, cause && { cause }), how && { how }));

// Whatever was thrown, as what callers are promised.
export const asKinError = (error) => (error instanceof KinError || error?.name === 'AbortError' ? error
  : new KinError('failed', `Kin failed unexpectedly: ${reasonOf(error)}`, { cause: error }));
