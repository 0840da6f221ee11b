// The documentation: docs.html out of web/demo/docs.html and the repository's own Markdown, and in docs/ a page for each
// other file that it links to. The blocks that docs/recipes.md marks with <!-- live: NAME --> become modules,
// live-NAME.js, that the page shows and runs. A link that leads nowhere ends the build.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { extname, join, posix } from 'node:path';
import { colour, readMarkdown } from './markdown.js';
import { codeBlock, escapeHtml, need, ownPicture, pictureParts, result } from './panel-parts.js';

// What stands on docs.html: sections, each of whole documents or of some of a document's parts (those below `##`, with
// what is below them). A part of a document may stand in one section, the rest in another.
const sections = [
  { id: 'quick-start', title: 'Quick start', of: [['docs/recipes.md', ['find-similar-products']],
    ['README.md', ['install', 'your-own-catalogue', 'ten-lines-for-a-page', 'one-tag']]] },
  { id: 'recipes', title: 'Recipes', of: [['docs/recipes.md']] },
  { id: 'api', title: 'API', of: [['docs/api.md']] },
  { id: 'element', title: 'One tag', of: [['docs/widget.md']] },
  { id: 'command', title: 'Command', of: [['docs/cli.md']] },
  { id: 'hosting', title: 'Hosting', of: [['docs/hosting.md']] },
  { id: 'models', title: 'Models', of: [['docs/models.md']] },
  { id: 'numbers', title: 'Numbers', of: [['README.md', ['measured', 'beside-the-alternatives', 'what-it-does-not-do-yet']], ['docs/figures.md']] },
];
// Pages of their own that the navigation names.
const further = { 'docs/interop.md': 'Other engines', 'docs/large.md': 'Large catalogues', 'docs/format.md': 'File formats', 'docs/numerics.md': 'Numerics', 'docs/decoders.md': 'Decoders', 'docs/architecture.md': 'Architecture',
  'bench/RESULTS.md': 'Benchmarks', 'SECURITY.md': 'Security', 'CONTRIBUTING.md': 'Contributing', 'CHANGELOG.md': 'Changes' };

// What a live example is asked for: sample pictures, one or many of the reader's, words with a label.
const live = {
  similar: { samples: 'photo:1f4f7 photo:1f460 photo:1f353 1f415 2764 1f3b8', own: true },
  embed: { samples: 'photo:1f354 photo:1f3b8 1f415 1f45f', own: true },
  words: { words: ['Words', 'red fruit'] },
  labels: { samples: '1f353 1f415 1f408 1f45f 1f3b8', own: true, words: ['Labels, with commas between them', 'a dog, a cat, a strawberry, a shoe'] },
  filter: { samples: 'photo:1f353 photo:1f354 photo:1f3b8 photo:1f697', own: true, words: ['Filter', 'price < 80 and not tags has vegetable'] },
  blend: { samples: '2764 1f34e 1f697 1f45f photo:1f353', own: true, words: ['And', 'green'] },
  alt: { samples: '1f457 1f45f 1f455 1f4f7 2602 1f34e', own: true },
  own: { samples: 'photo:1f353 photo:1f460 photo:1f4f7 photo:1f697 photo:1f354 photo:1f3b8', own: true, many: 'Pictures to search in' },
};
const maxLines = 15;

const nameOf = (path) => path.replace(/\.md$|\/$/, '').replaceAll(/[/.]/g, '-').replace(/^docs-/, '').toLowerCase();

// rows, samples: as galleryPage takes them
export function writeDocs({ root, site, rows, samples, model }) {
  const parts = pictureParts(rows, samples);
  const shell = readFileSync(join(root, 'web/demo/docs.html'), 'utf8');
  const pages = new Map(); // path of a file -> name of its page in docs/
  const places = new Map(); // 'path#slug' -> id on docs.html
  let base = ''; // from the page that is being written to the site's folder

  // Where a link of the file `path` leads.
  function link(path, href) {
    if (/^https:/.test(href)) return href;
    if (/^http:\/\/127\.0\.0\.1/.test(href)) return null; // of the reader's own machine
    const [file, part = ''] = href.split('#');
    const to = file ? posix.join(posix.dirname(path), file) : path;
    const id = places.get(`${to}#${part}`);
    if (id) return `${base && `${base}docs.html`}#${id}`;
    if (!existsSync(join(root, to))) throw new Error(`${path} links to ${href}, which is not there`);
    if (!pages.has(to)) pages.set(to, `${nameOf(to)}.html`);
    return `${base ? '' : 'docs/'}${pages.get(to)}${part && `#${part}`}`;
  }

  const shown = new Set();
  function marked(kind, name, code) {
    if (kind === 'gallery') return `<div class="code"><button type="button" class="copy" aria-label="Copy this code">Copy</button><pre><code>${colour(code, 'js')}</code></pre>` +
      `<p class="try"><a href="${base}gallery.html#${name}">At work in the gallery</a></p></div>`;
    if (kind !== 'live') return null;
    const { samples, own, words, many } = need(live[name], `the inputs of the example '${name}'`);
    if (code.split('\n').length > maxLines) throw new Error(`the example '${name}' of docs/recipes.md has more than ${maxLines} lines`);
    shown.add(name);
    writeFileSync(join(site, `live-${name}.js`), code);
    const field = words ? `<label for="words-${name}">${words[0]}</label><input id="words-${name}" name="words" value="${escapeHtml(words[1])}" autocomplete="off" maxlength="400">` : '';
    return `<div class="panel live" id="live-${name}">${codeBlock(name, colour(code, 'js'), { title: `live-${name}.js`, level: 4 })}<div class="ask">` +
      (samples ? `<ul class="samples">${parts.samples(samples)}</ul>` : '') +
      (own || many ? `<div class="own">${own ? ownPicture() : ''}${many ? ownPicture(many, ' multiple') : ''}</div>` : '') +
      `<form class="words">${field}<button class="primary">Run</button></form></div>${result('Nothing is loaded before you press Run.')}</div>`;
  }
  const read = (path) => readMarkdown(readFileSync(join(root, path), 'utf8'), { link: (href) => link(path, href), marked });
  const documents = new Map();
  const documentOf = (path) => documents.get(path) ?? documents.set(path, read(path)).get(path);

  // Which parts each section has, each part once.
  const taken = new Set();
  const key = (path, part) => `${path}#${part.slug}`;
  const named = (path, slugs) => { // with what stands below them
    const { parts: all } = documentOf(path);
    return slugs.flatMap((slug) => {
      const from = all.findIndex((part) => part.slug === slug);
      if (from < 0) throw new Error(`${path} has no part '${slug}'`);
      const end = all.findIndex((part, i) => i > from && part.depth <= all[from].depth);
      return all.slice(from, end < 0 ? undefined : end);
    });
  };
  const placed = sections.flatMap(({ of }) => of).filter(([, slugs]) => slugs);
  for (const [path, slugs] of placed) for (const part of named(path, slugs)) taken.add(key(path, part));
  const filled = sections.map(({ id, title, of }) => ({ id, title, parts: of.flatMap(([path, slugs]) =>
    (slugs ? named(path, slugs) : documentOf(path).parts.filter((part) => !taken.has(key(path, part)))).map((part) => ({ path, ...part }))) }));
  for (const { id, parts: own } of filled)
    for (const { path, slug } of own) places.set(`${path}#${slug}`, slug ? `${nameOf(path)}-${slug}` : id);

  const heading = (level, id, html, name) => `<h${level} id="${id}">${html} <a class="anchor" href="#${id}" aria-label="Link to ${name}">#</a></h${level}>`;
  const list = (entries) => (entries.length ? `<ol>${entries.map(([href, name, below = '']) => `<li><a href="${href}">${name}</a>${below}</li>`).join('')}</ol>` : '');
  const contents = (current, own) => list([
    ...filled.map(({ id, title, parts: those }) => [`${base && `${base}docs.html`}#${id}`, title, base ? '' :
      list(those.filter(({ depth, slug }) => slug && depth === 2).map(({ path, slug, name }) => [`#${places.get(`${path}#${slug}`)}`, name]))]),
    ...Object.entries(further).map(([path, name]) => [path === current ? '#top' : link('.', path), name,
      path === current ? list(own.filter(({ depth }) => depth === 2).map(({ slug, name }) => [`#${slug}`, name])) : '']),
    ...(current && !further[current] ? [['#top', escapeHtml(current)]] : [])]);
  const write = (file, fill) => writeFileSync(join(site, file), (base ? shell.replace(/<!-- first -->[^]*?<!-- end of first -->\n/g, '') : shell)
    .replace(/<!-- ([a-z ]+) -->/g, (mark, name) => need({ base, model, first: '', 'end of first': '', ...fill }[name], `'${name}'`)));

  const main = filled.map(({ id, title, parts: own }) => `<section aria-labelledby="${id}">${heading(2, id, title, title)}` +
    own.map((part) => (part.slug ? heading(part.depth + 1, places.get(key(part.path, part)), part.heading, part.name) : '') + part.html()).join('\n') + '</section>').join('\n');
  for (const name of Object.keys(live)) if (!shown.has(name)) throw new Error(`docs/recipes.md has no example '${name}'`);
  const readme = documentOf('README.md'); // its picture is of the shop, which is a page here
  write('docs.html', { title: 'Documentation', contents: contents(), text: main, name: readme.title, about: readme.parts[0].html().replace(/<p><img[^>]*><\/p>\n/, '') });

  // The pages of other files, and of those that these link to.
  mkdirSync(join(site, 'docs'), { recursive: true });
  base = '../';
  const done = new Set();
  for (let left = [...pages.keys()]; left.length; left = [...pages.keys()].filter((path) => !done.has(path)))
    for (const path of left) {
      done.add(path);
      const markdown = path.endsWith('.md') ? documentOf(path) : null;
      const text = markdown ? markdown.parts.map((part) => (part.slug ? heading(part.depth, part.slug, part.heading, part.name) : '') + part.html()).join('\n') : fileText(root, path);
      const title = markdown ? markdown.title : escapeHtml(path);
      write(`docs/${pages.get(path)}`, { title, contents: contents(path, markdown?.parts.filter(({ slug }) => slug) ?? []), text: `<h1 id="top">${title}</h1>${text}` });
    }
}

// A file, or those of a folder, as code.
function fileText(root, path) {
  const files = statSync(join(root, path)).isDirectory()
    ? readdirSync(join(root, path), { recursive: true }).sort().map((name) => join(path, name)).filter((one) => statSync(join(root, one)).isFile()) : [path];
  return files.map((file) => `${files.length > 1 ? `<h2>${escapeHtml(posix.relative(path, file))}</h2>` : ''}<div class="code"><button type="button" class="copy" aria-label="Copy this file">Copy</button>` +
    `<pre><code>${colour(readFileSync(join(root, file), 'utf8').trimEnd(), extname(file).slice(1))}</code></pre></div>`).join('\n');
}
