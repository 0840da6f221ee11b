// Addresses that others wrote, as the URL parser reads them: it leaves out tabs and line breaks, and blanks before.

// With its colon; null of what is no address.
export function schemeOf(text, base) {
  try {
    return new URL(text, base).protocol;
  } catch {
    return null;
  }
}

// What an item says of a picture -> its address, resolved against `base`, the catalogue's, if that has one; null where
// there is none that a page can use. A text without a scheme that does not begin with / is the path of a file, not encoded.
export function pictureAddress(text, base) {
  if (typeof text !== 'string' || !text) return null;
  try {
    const scheme = schemeOf(text);
    if (scheme !== null) return scheme === 'javascript:' ? null : new URL(text).href;
    const address = text.startsWith('/') ? text : text.split('/').map(encodeURIComponent).join('/');
    return base ? new URL(address, base).href : address;
  } catch {
    return null; // a path with half of a surrogate pair
  }
}
