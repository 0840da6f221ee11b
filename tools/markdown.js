// The repository's Markdown as HTML, for the documentation's pages. HTML in a source is left out, but for marks
// (<!-- live: words -->) that say what the code below them is.
import { Marked } from 'marked';
import { escapeHtml } from './panel-parts.js';

// As hosts of Markdown make it, so that links hold in both places.
const slugOf = (heading) => heading.trim().toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');

const keywords = 'async|await|break|case|catch|class|const|continue|default|do|else|export|finally|for|from|function|if|import|in|let|new|null|of|return|throw|true|false|try|typeof|undefined|while';
const strings = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/.source;
const words = { // language -> what is coloured, tried in this order: comments, strings, names
  js: new RegExp(`(?<note>//[^\\n]*|/\\*[^]*?\\*/)|(?<text>\`(?:[^\`\\\\]|\\\\.)*\`|${strings})|(?<word>\\b(?:${keywords})\\b)`, 'g'),
  sh: new RegExp(`(?<note>(?<=^|\\s)#[^\\n]*)|(?<text>${strings})|(?<word>(?<=^|\\n|\\|\\| |&& )[\\w./-]+)`, 'g'),
  html: new RegExp(`(?<note><!--[^]*?-->)|(?<text>${strings})|(?<word></?[\\w-]+|>)`, 'g'),
  json: new RegExp(`(?<note>(?!))|(?<text>${strings})|(?<word>\\b(?:true|false|null)\\b)`, 'g'),
};
for (const [other, like] of [['jsx', 'js'], ['vue', 'html'], ['mjs', 'js']]) words[other] = words[like];

// Code with its comments, strings and names in elements: the text stays the same, to the letter.
export function colour(code, language) {
  if (!words[language]) return escapeHtml(code);
  let html = '', at = 0;
  for (const { index, 0: found, groups } of code.matchAll(words[language])) {
    const [kind] = Object.entries(groups).find(([, text]) => text !== undefined);
    html += `${escapeHtml(code.slice(at, index))}<span class="${kind}">${escapeHtml(found)}</span>`;
    at = index + found.length;
  }
  return html + escapeHtml(code.slice(at));
}

const plain = (html) => html.replace(/<[^>]*>/g, '');

// link(href) -> where it leads on the page; marked(kind, name, code, language) -> the HTML of code below a mark, or null
// -> { title, parts: [{ slug, depth, heading: HTML, name: its text, as HTML, html() }] }; the first part is what stands before all headings
export function readMarkdown(text, { link, marked }) {
  const reader = new Marked();
  const renderer = Object.assign(new reader.Renderer(), {
    html: () => '',
    link({ href, title, tokens }) {
      const text = this.parser.parseInline(tokens);
      const to = link(href);
      return to === null ? text : `<a href="${escapeHtml(to)}"${title ? ` title="${escapeHtml(title)}"` : ''}>${text}</a>`;
    },
    code: ({ text, lang }) => `<div class="code"><button type="button" class="copy" aria-label="Copy this code">Copy</button><pre><code>${colour(text, lang)}</code></pre></div>`,
    // On narrow screens rows become blocks: cells then say their column, and roles keep what it is.
    table({ header, rows }) {
      const heads = header.map(({ tokens }) => this.parser.parseInline(tokens));
      const align = ({ align }) => (align === 'right' ? ' class="number"' : '');
      const cells = (row) => row.map((cell, i) =>
        `<td role="cell"${align(cell)}${i && heads[i] ? ` data-head="${plain(heads[i])}"` : ''}>${this.parser.parseInline(cell.tokens)}</td>`).join('');
      const head = heads.some(Boolean) ? `<thead role="rowgroup"><tr role="row">${header.map((cell, i) =>
        (heads[i] ? `<th role="columnheader"${align(cell)}>${heads[i]}</th>` : '<td role="cell"></td>')).join('')}</tr></thead>` : '';
      return `<div class="table"><table role="table">${head}<tbody role="rowgroup">${rows.map((row) => `<tr role="row">${cells(row)}</tr>`).join('')}</tbody></table></div>`;
    },
  });
  reader.use({ renderer });

  function html(tokens) {
    let made = '', mark = null, plainOnes = [];
    const flush = () => {
      made += reader.parser(plainOnes);
      plainOnes = [];
    };
    for (const token of tokens) {
      const found = token.type === 'html' && /^<!-- ([a-z]+)(?:: (\w+))? -->$/.exec(token.raw.trim());
      if (found) mark = found;
      else if (token.type === 'code' && mark) {
        const special = marked(mark[1], mark[2], token.text, token.lang);
        flush();
        made += special ?? '';
        if (special === null) plainOnes.push(token);
        mark = null;
      } else plainOnes.push(token);
    }
    flush();
    return made;
  }

  const parts = [{ slug: '', depth: 1, tokens: [] }], seen = new Map();
  let title = '';
  const tokens = reader.lexer(text);
  for (const token of tokens) {
    if (token.type !== 'heading') parts.at(-1).tokens.push(token);
    else if (token.depth === 1) title = reader.parseInline(token.text);
    else {
      const slug = slugOf(token.text), again = seen.get(slug) ?? 0;
      seen.set(slug, again + 1);
      const heading = reader.parseInline(token.text);
      parts.push({ slug: again ? `${slug}-${again}` : slug, depth: token.depth, heading, name: plain(heading), tokens: [] });
    }
  }
  return { title, parts: parts.map(({ tokens: own, ...part }) => ({ ...part, html: () => html(own) })) };
}
