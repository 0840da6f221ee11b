// Why what was given is no picture, with the way round.
import { fail } from '../shared/errors.js';

const classOf = (value) => Object.prototype.toString.call(value).slice(8, -1);

// What holds a picture and is none.
const instead = { Array: 'embedImage alone takes a list', FileList: 'take files[0], or [...files] for embedImage',
  HTMLInputElement: 'take its files[0]', DataTransfer: 'take its files[0]', FileSystemFileHandle: 'take await handle.getFile()',
  Promise: 'await it', Response: 'take await response.blob()', ReadableStream: 'take await new Response(stream).blob()',
  SVGSVGElement: 'draw it on a canvas of the size you want' };

// `why`: 'empty', or what was thrown when it was drawn.
export function refuse(source, why) {
  const kind = classOf(source);
  if (why === 'empty')
    fail('bad-argument', kind === 'HTMLVideoElement' ? 'The video has no picture yet: wait for its loadeddata event.'
      : `The ${kind} is empty, closed or was given to a worker.`);
  if (why?.name === 'SecurityError')
    fail('cors', `The ${kind} cannot be read, since it holds what came from another host: set crossOrigin = 'anonymous' on ` +
      'what is drawn before its src, or hand in its address.', why);
  if (why) fail('bad-argument', `The ${kind} cannot be drawn: ${why.message}`, why);
  fail('bad-argument', Object.hasOwn(instead, kind) ? `This ${kind} is no picture: ${instead[kind]}.`
    : 'A picture is a URL, a Blob or File, an image, video or canvas element, bytes or { data, width, height }.');
}
