// The one error type of the package, and how errors cross between threads.

/** @typedef {import("./index.d.ts").ErrorCode} ErrorCode */

/** Codes of failures that can pass when the same call is made again. */
const RETRYABLE = new Set(["locked", "device-lost", "superseded", "model-unavailable", "network"]);

export class SearchError extends Error {
  /**
   * @param {ErrorCode} code
   * @param {string} message
   * @param {{ retryable?: boolean, cause?: unknown }} [options]
   */
  constructor(code, message, { retryable = RETRYABLE.has(code), cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "SearchError";
    this.code = code;
    this.retryable = retryable;
  }
}

/**
 * Any thrown value as one of ours.
 * @param {unknown} thrown
 */
export function asSearchError(thrown) {
  if (thrown instanceof SearchError) return thrown;
  const { code, message, retryable, cause } = /** @type {any} */ (thrown ?? {});
  // The engine's errors have a code of their own; a DOMException's is a number.
  if (typeof code === "string") return new SearchError(/** @type {ErrorCode} */ (code), message, { retryable, cause });
  return new SearchError("internal", message ?? String(thrown), { cause: thrown });
}

/** What of an error crosses to another thread. @param {unknown} thrown */
export function packError(thrown) {
  const { code, message, retryable } = asSearchError(thrown);
  return { code, message, retryable };
}

/** @param {string} what */
export const invalid = (what) => new SearchError("invalid-argument", what);
