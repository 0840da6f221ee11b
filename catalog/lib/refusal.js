// Why a picture is not taken: a code that docs/cli.md lists, and a sentence.
export const maxBytes = 64 * 2 ** 20;

export class PictureError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export const bad = (code, message) => new PictureError(code, message);
