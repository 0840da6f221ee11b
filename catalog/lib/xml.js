// XML text in pieces -> the items of an RSS or Atom feed, as { row, value, error }: value is { name: text, or a list of
// texts where the name comes several times }. Names are those of Google's attributes, without the `g:` that a feed puts
// before them; one of them counts before another of the same name (`g:id`, Atom's own `id`). Of what is nested deeper
// nothing is read.
// `sax` parses: it reads no DTD and expands no entity but XML's own five and HTML's characters, so that none can grow or lead
// elsewhere. An item that is not well formed is an error of its own, and what is not around the items harms none; only the
// text of one piece and one item is held.
import sax from 'sax';

const maxItem = 2 ** 24;
const parsedAtOnce = 2 ** 16; // characters: their items lie in memory
const maxDepth = 64;
const maxAttributes = 1000;
const maxNames = 10000; // in an item
sax.MAX_BUFFER_LENGTH = maxItem; // of a comment, a name, a value: the library's own limit is global
const google = 'http://base.google.com/ns/1.0';

export async function* readXml(pieces, name) {
  const parser = sax.parser(true);
  const done = []; // items of the piece under way
  const wrong = (why) => new Error(`${name} is not a feed: ${why} (line ${parser.line + 1})`);
  let depth = 0;
  let inFeed = null; // whether the element of the first level is a feed's; null: none yet
  let prefix = 'g:';
  let row = 0;
  let attributes = 0; // of the tag under way
  let outside = null; // the first error that is no item's
  let item = null; // { depth, values: Map name -> { own, texts }, size, error }
  let field = null; // { name, own, text, href }

  const end = (error = item.error) => {
    const values = [...item.values].map(([key, { texts }]) => [key, texts.length > 1 ? texts : texts[0]]);
    done.push(error ? { row, value: null, error } : { row, value: Object.fromEntries(values), error: null });
    [item, field] = [null, null];
  };
  const grow = (n) => {
    if ((item.size += n) > maxItem) throw wrong(`item ${row} has more than 16 million characters`);
  };

  parser.onattribute = () => {
    if (++attributes > maxAttributes) throw wrong(`a tag has more than ${maxAttributes} attributes`);
  };
  parser.onopentag = ({ name: tag, attributes: given }) => {
    attributes = 0;
    if (++depth > maxDepth) throw wrong(`its elements are nested more than ${maxDepth} deep`);
    if (depth === 1) {
      const before = inFeed;
      inFeed = /^(?:rss|feed|rdf:RDF)$/.test(tag);
      if (!inFeed && before !== null) return; // behind the feed: what PHP has to say, for example
      if (!inFeed)
        throw wrong(`its first element is <${tag.slice(0, 40)}>, not <rss> of RSS or <feed> of Atom`);
      const named = Object.entries(given).find(([key, value]) => key.startsWith('xmlns:') && value === google);
      if (named) prefix = `${named[0].slice('xmlns:'.length)}:`;
      return;
    }
    if (inFeed && (tag === 'item' || tag === 'entry') && !(item && depth > item.depth + 1)) {
      if (item) end(new Error('it does not end before the next one begins'));
      item = { depth, values: new Map(), size: 0, error: null };
      row++;
    } else if (item && depth === item.depth + 1) {
      const own = tag.startsWith(prefix);
      // Atom's links are attributes; only the first kind leads to the product.
      const href = tag === 'link' && /^(?:alternate)?$/.test(given.rel ?? '') ? given.href : undefined;
      field = { name: own ? tag.slice(prefix.length) : tag, own, text: href ?? '' };
      grow(field.name.length + field.text.length);
    }
  };
  parser.ontext = parser.oncdata = (text) => {
    if (field && depth === item.depth + 1) {
      grow(text.length);
      field.text += text;
    }
  };
  parser.onclosetag = () => {
    depth--;
    if (field && depth === item.depth) {
      if (item.values.size > maxNames) throw wrong(`item ${row} has more than ${maxNames} names`);
      const text = field.text.trim();
      const there = item.values.get(field.name);
      if (text && (!there || field.own && !there.own)) item.values.set(field.name, { own: field.own, texts: [text] });
      else if (text && there.own === field.own) there.texts.push(text);
      field = null;
    } else if (item && depth < item.depth) end();
  };
  parser.onerror = (error) => {
    const why = error.message.split('\n')[0].replace(/\.$/, '').toLowerCase();
    if (why.startsWith('max buffer')) throw wrong('a part of it has more than 16 million characters');
    const sentence = `it is not well-formed XML: ${why}`;
    if (item) item.error ??= new Error(`${sentence} (line ${parser.line + 1})`);
    else outside ??= wrong(sentence);
    parser.error = null; // goes on
  };

  for await (const piece of pieces)
    for (let at = 0; at < piece.length; at += parsedAtOnce) {
      parser.write(piece.slice(at, at + parsedAtOnce));
      yield* done.splice(0);
    }
  if (!parser.sawRoot || !row && outside) throw outside ?? new Error(`${name} is not a feed: it holds no element`);
  if (depth) throw wrong(`it ends inside ${item ? `item ${row}` : 'its first element'}, with elements that are not closed`);
  yield* done.splice(0);
}
