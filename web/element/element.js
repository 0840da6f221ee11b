// <kin-search>: search by photo as one tag. This file is all that a page loads until a shopper acts: it draws the button and
// the drop area, takes a photo by file, camera, drop or paste, and hands it to act.js, which is imported then. It imports
// nothing, so that it stays one request. Nothing is thrown into the page: what goes wrong is said in the element, and
// by the event kin-error.
const page = globalThis.document;

// What is read before act.js is there, in five languages; the rest lies in words/.
const words = {
  en: { choose: 'Search by photo', camera: 'Take a photo', hint: 'or drop or paste one here', privacy: 'Your photo stays on this device.', wait: 'One moment …',
    instead: 'Search another way', unloaded: 'The search could not be loaded. Check your connection and try again.' },
  de: { choose: 'Mit Foto suchen', camera: 'Foto aufnehmen', hint: 'oder hierher ziehen oder einfügen', privacy: 'Ihr Foto bleibt auf diesem Gerät.', wait: 'Einen Moment …',
    instead: 'Anders suchen', unloaded: 'Die Suche konnte nicht geladen werden. Prüfen Sie die Verbindung und versuchen Sie es noch einmal.' },
  nl: { choose: 'Zoeken met een foto', camera: 'Foto maken', hint: 'of sleep of plak er een hierheen', privacy: 'Je foto blijft op dit apparaat.', wait: 'Een ogenblik …',
    instead: 'Anders zoeken', unloaded: 'De zoekfunctie kon niet worden geladen. Controleer je verbinding en probeer het opnieuw.' },
  fr: { choose: 'Rechercher par photo', camera: 'Prendre une photo', hint: 'ou déposez-la ou collez-la ici', privacy: 'Votre photo reste sur cet appareil.', wait: 'Un instant …',
    instead: 'Rechercher autrement', unloaded: 'La recherche n’a pas pu être chargée. Vérifiez la connexion et réessayez.' },
  es: { choose: 'Buscar por foto', camera: 'Hacer una foto', hint: 'o suéltala o pégala aquí', privacy: 'Tu foto no sale de este dispositivo.', wait: 'Un momento …',
    instead: 'Buscar de otra forma', unloaded: 'No se ha podido cargar la búsqueda. Comprueba la conexión e inténtalo de nuevo.' },
};

// Colours are those of a light page, or of a dark one where the page says color-scheme.
const css = `
:host { display: block; min-height: 10.5rem; container-type: inline-size; font-family: var(--kin-font, inherit); line-height: 1.5; color: var(--_ink);
  --_ink: var(--kin-ink, #1a1c1b); --_quiet: var(--kin-quiet, #5a5e5b); --_surface: var(--kin-surface, #fff); --_line: var(--kin-line, #d9dbd7);
  --_edge: var(--kin-edge, #7f847f); --_accent: var(--kin-accent, #1a1c1b); --_on: var(--kin-on-accent, #fff); --_r: var(--kin-radius, 12px); }
@supports (color: light-dark(#000, #fff)) { :host { --_ink: var(--kin-ink, light-dark(#1a1c1b, #f0f1ee)); --_quiet: var(--kin-quiet, light-dark(#5a5e5b, #aeb2ad));
  --_surface: var(--kin-surface, light-dark(#fff, #1b1d1c)); --_line: var(--kin-line, light-dark(#d9dbd7, #3a3e3b)); --_edge: var(--kin-edge, light-dark(#7f847f, #868b86));
  --_accent: var(--kin-accent, light-dark(#1a1c1b, #f0f1ee)); --_on: var(--kin-on-accent, light-dark(#fff, #1a1c1b)); } }
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; margin: 0; }
.root { min-height: inherit; display: grid; background: var(--_surface); border-radius: var(--_r); }
.start { display: flex; flex-wrap: wrap; gap: .5rem; align-content: center; justify-content: center; padding: 1rem; text-align: center;
  border: 1.5px dashed var(--_edge); border-radius: var(--_r); }
.start p { flex: 0 0 100%; font-size: .875rem; color: var(--_quiet); }
p:not(.privacy) { unicode-bidi: plaintext; }
.start p:empty { display: none; }
.over .start { border-style: solid; border-color: var(--_accent); box-shadow: inset 0 0 0 1px var(--_accent); }
.button, button { position: relative; display: inline-flex; gap: .5rem; align-items: center; justify-content: center; min-height: 44px; padding: .4rem 1.1rem;
  font: inherit; font-weight: 550; line-height: 1.25; color: var(--_ink); background: var(--_surface); border: 1px solid var(--_edge);
  border-radius: var(--kin-button-radius, calc(var(--_r) * .75)); cursor: pointer; }
.primary { color: var(--_on); background: var(--_accent); border-color: var(--_accent); }
.button input { position: absolute; inset: 0; width: 100%; opacity: 0; cursor: pointer; font-size: 0; }
.button:hover, button:hover { border-color: var(--_accent); }
:focus-visible, .button:focus-within { outline: 3px solid var(--_accent); outline-offset: 2px; }
svg { width: 1.25em; height: 1.25em; flex: none; fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round; }
.privacy svg { width: 1.1em; height: 1.1em; margin-inline-end: .35em; vertical-align: -.15em; }
a { color: inherit; }
@media (hover: hover) and (pointer: fine) { .camera { display: none; } }
@media (hover: none) { .hint { display: none; } }
@media (forced-colors: active) { .primary, .root { border: 1px solid; } }`;

const shapes = { photo: 'M4 4h16v16H4zM4 16l5-5 5 5 2-2 4 4M15.5 8.5h.01', camera: 'M3 8h4l2-3h6l2 3h4v11H3zM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7',
  lock: 'M6 11h12v9H6zM9 11V7.5a3 3 0 0 1 6 0V11' };
function icon(name) {
  const [svg, path] = ['svg', 'path'].map((kind) => page.createElementNS('http://www.w3.org/2000/svg', kind));
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', shapes[name]);
  svg.append(path);
  return svg;
}
function make(name, part, ...inside) {
  const made = page.createElement(name);
  made.className = part;
  made.setAttribute('part', part);
  made.append(...inside);
  return made;
}

// SIMD by a module of one function that needs it; validated, not compiled, so no policy is asked.
const simd = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];
const runs = () => typeof Worker === 'function' && 'adoptedStyleSheets' in page && WebAssembly.validate(new Uint8Array(simd));

const sheets = new Map();
function sheetOf(text) {
  if (!sheets.has(text)) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    sheets.set(text, sheet);
  }
  return sheets.get(text);
}

// A picture pasted anywhere in the page, but into a field of the page's own, goes to the element in sight that was used last,
// else to the first one.
const live = new Set();
let latest = null;
const inSight = (one) => one.checkVisibility?.() ?? one.offsetParent;
function onPaste(event) {
  const file = [...event.clipboardData?.files ?? []].find(({ type }) => type.startsWith('image/'));
  const [target] = event.composedPath(), within = [...live].find((one) => event.composedPath().includes(one));
  if (event.defaultPrevented || !file || !within && (target.isContentEditable || /^(?:INPUT|TEXTAREA)$/.test(target.tagName))) return;
  const one = within ?? [...latest ? [latest] : [], ...live].find(inSight);
  if (!one || one.state === 'unavailable') return;
  event.preventDefault();
  one.search(file);
}

const short = (language) => language.toLowerCase().split(/[-_]/)[0];

const reflected = ['catalog', 'model', 'locale', 'worker', 'limit', 'filter', 'filters', 'fields', 'currency', 'fallback-url'];

export class KinSearch extends (globalThis.HTMLElement ?? class {}) {
  static observedAttributes = [...reflected, 'lang', 'strings'];
  #parts = null; // what is drawn: { root, start, … }
  #acting = null; // act.js's part, or its promise
  #strings = {};
  state = 'start';
  error = null; // the last one, for who builds the page
  // What a framework has set before the element was defined stays.
  renderHit = this.renderHit ?? null;
  find = this.find ?? null;
  loadOptions = this.loadOptions ?? {};

  connectedCallback() {
    live.add(this);
    if (live.size === 1) page.addEventListener('paste', onPaste);
    this.#safely(() => {
      for (const name of ['strings', ...reflected.map(property)]) this.#upgrade(name);
      if (!this.shadowRoot) this.#draw();
      this.#say();
    });
  }
  // A page that moves the element takes it out and puts it in again.
  disconnectedCallback() {
    live.delete(this);
    if (latest === this) latest = null;
    if (!live.size) page.removeEventListener('paste', onPaste);
    queueMicrotask(() => { if (!this.isConnected) this.#acting?.then((act) => act?.pause()); });
  }
  attributeChangedCallback(name, was, is) {
    if (!this.#parts || was === is) return;
    this.#safely(() => this.#say());
    this.#acting?.then((act) => act?.changed(name));
  }
  #upgrade(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    delete this[name];
    this[name] = value;
  }
  #safely(work) {
    try {
      work();
    } catch (error) {
      this.failed(error);
    }
  }

  get strings() {
    return this.#strings;
  }
  set strings(value) { // JSON too: frameworks set a property where they find one
    if (typeof value === 'string') return this.setAttribute('strings', value);
    this.#strings = Object(value);
    this.attributeChangedCallback('strings', 0, 1);
  }
  // The language of the page around it, through shadow roots too, else the browser's, where it is one of ours; else English.
  get language() {
    let asked = '';
    for (let at = this; at && !asked; at = at.getRootNode().host) asked = at.closest('[lang]')?.lang;
    asked ||= navigator.language;
    return words[short(asked)] ? asked : 'en';
  }
  // Every text, the page's own over ours. `more`: those of words/.
  texts(more) {
    let own = {};
    try {
      own = JSON.parse(this.getAttribute('strings') ?? '{}');
    } catch {
      console.warn('kin-search: the attribute strings is no JSON.');
    }
    return { lang: this.language, ...words[short(this.language)], ...more, ...own, ...this.#strings };
  }

  #draw() {
    const shadow = this.attachShadow({ mode: 'open' });
    if (!runs()) return this.#hide(shadow);
    const pick = (name, shape, capture) => {
      const text = make('span', ''), input = make('input', '');
      input.type = 'file';
      input.accept = 'image/*';
      if (capture) input.setAttribute('capture', 'environment');
      input.addEventListener('click', () => this.preload());
      input.addEventListener('change', () => {
        const [file] = input.files;
        input.value = ''; // the same file may be chosen again
        if (file) this.search(file);
      });
      return { input, text, label: make('label', name, icon(shape), text, input) };
    };
    const choose = pick('button primary', 'photo'), camera = pick('button camera', 'camera', true);
    const hint = make('p', 'hint'), privacy = make('p', 'privacy'), said = make('p', 'status');
    said.setAttribute('role', 'status');
    const start = make('div', 'start', page.createElement('slot'), choose.label, camera.label, hint, said, privacy);
    const root = make('div', 'root', start);
    this.#parts = { shadow, root, start, choose, camera, hint, privacy, said, sheetOf, make, icon };
    const over = (event) => {
      const files = event.dataTransfer?.types.includes('Files');
      if (files) event.preventDefault();
      root.classList.toggle('over', Boolean(files));
      if (files) this.preload();
    };
    root.addEventListener('dragenter', over);
    root.addEventListener('dragover', over);
    root.addEventListener('dragleave', ({ relatedTarget }) => { if (!root.contains(relatedTarget)) root.classList.remove('over'); });
    root.addEventListener('drop', (event) => {
      const [file] = event.defaultPrevented ? [] : event.dataTransfer.files; // the page may want it for itself
      event.preventDefault();
      root.classList.remove('over');
      if (file) this.search(file);
    });
    shadow.adoptedStyleSheets = [sheetOf(css)];
    shadow.append(root);
  }
  // Where it cannot run: the page's own way instead, or nothing.
  #hide(shadow) {
    const { fallbackUrl } = this;
    this.state = 'unavailable';
    const own = this.querySelector(':scope > [slot="fallback"]');
    if (own) shadow.append(Object.assign(page.createElement('slot'), { name: 'fallback' }));
    else if (fallbackUrl) shadow.append(this.instead());
    else this.style.display = 'none'; // whatever the page's styles say
    this.tell('kin-unavailable', {});
  }
  // The link to fallback-url, if that is an address of the web.
  instead() {
    const link = make('a', 'fallback', this.texts().instead);
    link.href = this.fallbackUrl;
    const { href, protocol } = link; // whole
    if (/^https?:$/.test(protocol)) link.href = href;
    else link.removeAttribute('href');
    return link;
  }
  #say() {
    if (!this.#parts) return;
    const { root, choose, camera, hint, privacy } = this.#parts, texts = this.texts();
    root.lang = texts.lang;
    if (this.state === 'start') choose.text.textContent = texts.choose;
    camera.text.textContent = texts.camera;
    hint.textContent = texts.hint;
    privacy.replaceChildren(icon('lock'), make('bdi', '', texts.privacy));
  }

  // `detail` holds no photo, vector or text of the shopper's. -> whether a listener prevented what comes of it
  tell(name, detail) {
    return !this.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, cancelable: true, detail }));
  }
  failed(error) {
    this.error = error;
    const code = error?.code ?? 'failed';
    if (!/image|^too-large$/.test(code)) console.warn(`kin-search: ${error?.message ?? error} (catalog='${this.catalog}', model='${this.model}')`);
    this.tell('kin-error', { code: String(code) });
  }
  #act() {
    if (!this.#parts) return null;
    return this.#acting ??= import('./act.js').then(({ act }) => act(this, this.#parts)).catch((error) => {
      this.#acting = null;
      this.#parts.said.textContent = this.texts().unloaded;
      this.failed(error);
      return null;
    });
  }

  // Fetches what a search needs. A click on the button, or a file held over the element, does the same.
  async preload() {
    await (await this.#act())?.preload();
  }
  // Searches by a picture: a File, Blob or whatever else kin-clip takes, by the `box` of it. Resolves when it is answered, or
  // has failed.
  async search(source, box) {
    latest = this;
    if (this.#parts && this.state === 'start') this.#parts.said.textContent = this.texts().wait;
    await (await this.#act())?.search(source, box);
  }
  // Shows a photo and its crop without a search, until the shopper moves the crop.
  async show(source, box) {
    latest = this;
    await (await this.#act())?.show(source, box);
  }
  // -> { clip, catalog }: what it searches with; null where it cannot run
  async open() {
    return await (await this.#act())?.open() ?? null;
  }
  // Back to the first view, the photo forgotten.
  async reset() {
    await (await this.#acting)?.reset();
  }
  focus(options) {
    const { root, choose } = this.#parts ?? {};
    (options?.crop && root?.querySelector('.box') || choose?.input)?.focus(options);
  }
}

function property(name) {
  return name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
}
for (const name of reflected) Object.defineProperty(KinSearch.prototype, property(name), { configurable: true, enumerable: true,
  get() {
    return this.getAttribute(name);
  },
  set(value) {
    if (value === null || value === undefined) this.removeAttribute(name);
    else this.setAttribute(name, value);
  } });

if (globalThis.customElements && !customElements.get('kin-search')) customElements.define('kin-search', KinSearch);
