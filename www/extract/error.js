// Why a file yields no text: an error with a stable `code`, the same codes as natively.

/** `code`: `unsupported`, `encrypted`, `no-text`, `broken`, `too-big`, `timeout` or `empty`. */
export class ExtractError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "ExtractError";
    this.code = code;
  }
}

export const unsupported = (what) => new ExtractError("unsupported", `Not a format that is read: ${what}`);
export const broken = (why) => new ExtractError("broken", `Broken: ${why}`);
export const tooBig = (what, limit) => new ExtractError("too-big", `Too big: ${what} exceeds ${limit.toLocaleString("en")}`);
export const encrypted = () => new ExtractError("encrypted", "Encrypted: save a copy without a password");
export const empty = () => new ExtractError("empty", "Empty: no text in it");
export const noText = (pages) => new ExtractError("no-text",
  `No text layer: ${pages === 1 ? "its one page is a picture" : `its ${pages} pages are pictures`}; run text recognition (OCR) on it first`);
