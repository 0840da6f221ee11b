// Runs inside a browser without anyone driving it: page.html loads it, and what it finds it posts to /result.
import * as whole from '/web/index.js';
import * as single from '/web/kin.min.js';

const { load } = whole;

const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
const bitsOf = (vector) => base64(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
const json = async (url) => (await fetch(url)).json();

// Every build that runs here, each with the towers of tests/golden/tower.
async function towers({ models, variants }) {
  const bits = {};
  for (const options of variants) {
    const key = JSON.stringify(options);
    try {
      bits[key] = [];
      for (const { name, files, size, pixels, texts } of models) {
        const model = Object.fromEntries(['config.json', 'model.safetensors'].map((file) => [file, `/tests/golden/tower/${name}/${file}`]));
        for (const [file, text] of Object.entries(files)) model[file] = `data:text/plain,${encodeURIComponent(text)}`;
        const clip = await load({ dtype: 'q8', ...options, model });
        for (const picture of pixels)
          bits[key].push(bitsOf(await clip.embedImage({ data: Uint8Array.from(picture), width: size, height: size })));
        bits[key].push(...(await clip.embedText(texts)).map(bitsOf));
        await clip.close();
      }
    } catch (error) {
      bits[key] = `${error.code}: ${error.message}`;
    }
  }
  return bits;
}

// Pictures by address, decoded by the engine, a WebP picture by the browser, a text; what the catalogue has like them. By
// either form of the library.
async function search({ load, openCatalog }, { model, pictures, webp, text, published }) {
  const clip = await load({ model, threads: 2 });
  const catalog = await openCatalog('/build/site/catalog.safetensors', { clip });
  const hits = async (query) => (await catalog.search(query, { limit: 10 })).hits.map(({ id }) => id);
  const found = { info: clip.info, pictures: [], webp: await hits({ image: webp }), text: await hits({ text }) };
  for (const image of pictures)
    found.pictures.push({ bits: bitsOf(await clip.embedImage(image)), hits: await hits({ image }) });
  catalog.close();
  const folder = await openCatalog(published, { clip }); // its files come through other readers
  found.folder = [];
  for (const image of pictures) found.folder.push((await folder.search({ image }, { limit: 10 })).hits.map(({ id }) => id));
  await folder.close();
  await clip.close();
  return found;
}

const until = async (what, done) => {
  for (const end = Date.now() + 60_000; ;) {
    const value = done();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited a minute for ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
};

// The demo shop in a frame: two of its sample photos clicked, words typed, a file chosen.
async function demo(words, upload) {
  const frame = document.createElement('iframe');
  frame.src = '/build/site/index.html';
  frame.style = 'width: 1200px; height: 800px';
  document.body.append(frame);
  const seen = { noise: [], answers: [] };
  const page = await until('the shop', () => frame.contentDocument?.getElementById('status') && frame.contentWindow);
  page.addEventListener('error', (event) => seen.noise.push(event.message ?? `${event.target.src} did not load`), true);
  page.addEventListener('unhandledrejection', ({ reason }) => seen.noise.push(String(reason)));
  const element = (id) => page.document.getElementById(id);
  const answer = async (act) => {
    await act();
    await until('an answer', () => element('took').textContent.endsWith(' ms') && element('status').textContent && !element('results').hasAttribute('aria-busy'));
    if (!element('error').hidden) seen.noise.push(element('error-text').textContent);
    seen.answers.push(Array.from(element('results').querySelectorAll('[data-hit-id]'), (card) => card.dataset.hitId));
  };
  const ask = (act) => answer(() => {
    element('status').textContent = '';
    act();
  });
  const finder = await until('its element', () => element('finder')?.state === 'shown' && element('finder'));
  for (const i of [0, 1]) await ask(() => page.document.querySelectorAll('.sample')[i].click());
  await ask(() => {
    element('text').value = words;
    element('search').requestSubmit();
  });
  const chosen = new DataTransfer();
  chosen.items.add(new File([await (await fetch(upload)).arrayBuffer()], 'photo.png'));
  await ask(() => {
    const input = finder.shadowRoot.querySelector('.primary input');
    input.files = chosen.files;
    input.dispatchEvent(new Event('change'));
  });
  return seen;
}

const result = { agent: navigator.userAgent };
try {
  const wanted = await json('/wanted');
  result.towers = await towers(wanted.towers);
  result.isolated = crossOriginIsolated;
  result.search = await search(whole, wanted.search);
  result.single = await search(single, wanted.search);
  result.demo = await demo(wanted.search.text, wanted.search.upload);
} catch (error) {
  result.failed = `${error.code ?? error.name}: ${error.message}`;
}
await fetch('/result', { method: 'POST', body: JSON.stringify(result) });
