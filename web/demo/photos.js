// Photos of the visitor's, kept in this browser alone, so that Reload and Back find them: for a day, the latest
// twenty. Where a browser keeps nothing (private windows, settings) they last as long as the page.
const day = 86_400_000, most = 20;
const here = new Map();

const settled = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
async function store(mode) {
  const opening = indexedDB.open('kin-shop', 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('photos');
  return (await settled(opening)).transaction('photos', mode).objectStore('photos');
}
// Keys are times of the same length, so their order is that of their letters.
const keyOf = (time) => time.toString(36);

async function put(key, file) {
  const photos = await store('readwrite');
  await settled(photos.put(file, key));
  await tidy(photos);
}
async function tidy(photos) {
  const keys = await settled(photos.getAllKeys());
  for (const [i, old] of keys.entries())
    if (old < keyOf(Date.now() - day) || i < keys.length - most) photos.delete(old);
}
// Also when the visitor only comes by, after a day.
export const tidyUp = () => store('readwrite').then(tidy).catch(() => {});

// -> the key under which find() gives the photo back
export function keep(file) {
  const key = keyOf(Date.now());
  here.set(key, file);
  put(key, file).catch(() => {}); // it is in `here`
  return key;
}

// -> the File, or null
export async function find(key) {
  try {
    return here.get(key) ?? await settled((await store('readonly')).get(key)) ?? null;
  } catch {
    return null;
  }
}

export async function forget() {
  here.clear();
  await settled((await store('readwrite')).clear());
}
