// What shop systems call the columns of a product, a table a system, and which columns of a file are what. Another
// system is another entry; nothing else knows one by name.
//   title     what the user reads
//   id, title, url   the names that the column has in releases of the system
//   images    columns of pictures, in their order; `place` sorts the pictures of the first
//   child     rows that belong to a product of another row: those whose `when` column fits; `of` names the product by
//             one of its `keys` (prefix -> column); `repeats`: so does a row that follows a product and has its id
//   shown     column -> values with which a product is shown; with others, but not without one, it is a draft
//   guarded   cells that a spreadsheet would take for a formula have a ' before them, which is no part of them
//   fields    names under which columns are published, all of them public; `lists`: parted by commas
//   every     columns that are published as a list of what the rows of a product have; of others the first that has
//             anything counts
// A file is of the first system whose columns of id, pictures and (but for plain ones) title it has.
import { looksPrivate } from './fields.js';
import { oneOf, UsageError } from './options.js';

export const targets = ['id', 'title', 'url', 'image'];

const yes = ['true', '1', 'wahr', 'vrai', 'verdadero', 'vero', 'waar']; // as spreadsheets of other languages save TRUE
const feeds = {
  plain: {
    name: 'plain columns', id: ['id'], title: ['title'], url: ['url'], images: [['image']],
  },
  shopify: {
    name: 'a Shopify export', id: ['Handle', 'URL handle'], title: ['Title'], url: [],
    images: [['Image Src', 'Product image URL'], ['Variant Image', 'Variant image URL']], place: ['Image Position'],
    child: { when: [['Title'], /^$/], of: ['Handle', 'URL handle'], keys: { '': ['Handle', 'URL handle'] }, repeats: true },
    shown: { Status: ['active'], Published: yes, 'Published on online store': yes },
    fields: { price: ['Variant Price', 'Price'], vendor: ['Vendor'], type: ['Type'], tags: ['Tags'],
      category: ['Product Category'] },
    lists: ['tags'], every: ['Option1 Value', 'Option2 Value', 'Option3 Value'],
  },
  woocommerce: {
    name: 'a WooCommerce export', id: ['ID'], title: ['Name'], url: [], images: [['Images']],
    child: { when: [['Type'], /^(?:\w+_)?variation\b/i], of: ['Parent'], keys: { '': ['SKU'], 'id:': ['ID'] } },
    guarded: true, shown: { Published: yes, 'Visibility in catalog': ['visible', 'catalog', 'search'] },
    fields: { price: ['Regular price'], sale_price: ['Sale price'], sku: ['SKU'], categories: ['Categories'],
      tags: ['Tags'], brands: ['Brands'] },
    lists: ['categories', 'tags', 'brands'],
  },
  google: {
    name: 'a Google Merchant feed', id: ['id'], title: ['title'], url: ['link'],
    images: [['image_link'], ['additional_image_link']],
    fields: Object.fromEntries(['price', 'sale_price', 'availability', 'brand', 'condition', 'color', 'size', 'gender',
      'age_group', 'material', 'pattern', 'product_type', 'google_product_category', 'item_group_id']
      .map((name) => [name, [name]])),
  },
};

const separators = { ',': ',', ';': ';', '|': '|', tab: '\t', '\t': '\t', '\\t': '\t' };

// What --from and --separator say -> { from, separator }, each undefined where it is to be found.
export function readForm({ from, separator }) {
  if (from !== undefined) oneOf(from, '--from', Object.keys(feeds));
  if (separator !== undefined && !Object.hasOwn(separators, separator))
    throw new UsageError(`--separator must be , or ; or | or tab, not '${separator}'`);
  return { from, separator: separators[separator] };
}

// One that was typed may be spelled with other code points than the file's.
const same = (a, b) => a.normalize() === b.normalize();
// `Image Link`, `image_link` and `g:image_link` are one name.
const plainly = (name) => name.trim().toLowerCase().replace(/^g:/, '').replace(/[\s_]+/g, ' ');

// Names for a sentence, however many and long they are.
const listed = (columns) => columns.slice(0, 40).map((column) => column.slice(0, 60)).join(', ') +
  (columns.length > 40 ? ` and ${columns.length - 40} more` : '');

function finder(columns) {
  const places = new Map(columns.map((column) => [plainly(column), column]).reverse()); // the first of a name
  return (names = []) => names.map((name) => (columns.includes(name) ? name : places.get(plainly(name))))
    .find((column) => column !== undefined);
}

function recognise(columns, map, from, pictures, name) {
  const find = finder(columns);
  const has = (feed, ...more) => [feed.id, ...more, ...feed === feeds.plain ? [] : [feed.title]]
    .every((names) => find(names) !== undefined);
  if (from === undefined) {
    const all = Object.values(feeds), whole = all.find((feed) => has(feed, feed.images[0]));
    // Without pictures `id` is a name that many have: then the one of whose names most are there.
    const count = (feed) => targets.filter((target) => map[target] ?? find(feed[target])).length;
    return whole ?? (pictures ? undefined : all.filter((feed) => has(feed)).sort((a, b) => count(b) - count(a))[0]) ?? feeds.plain;
  }
  const feed = feeds[from];
  for (const [target, names] of [['id', feed.id], ...pictures ? [['image', feed.images[0]]] : []])
    if (from !== 'plain' && !map[target] && find(names) === undefined)
      throw new Error(`${name} is not ${feed.name}: it has no column '${names[0]}' (it has: ${listed(columns)}); ` +
        `say which one with --map ${target}=COLUMN, or leave out --from`);
  return feed;
}

// The column of each target, of pictures all of them: by --map, else by the feed's names.
function chooseTargets(columns, feed, map, pictures, name) {
  const find = finder(columns);
  const choose = (target, names, wanted, needed) => {
    const found = wanted === undefined ? find(names) : columns.find((column) => same(column, wanted));
    if (found === undefined && (wanted !== undefined || needed))
      throw new Error(`${name} has no column '${wanted ?? names[0]}' (it has: ${listed(columns)}); ` +
        `say which one with --map ${target}=COLUMN`);
    return found;
  };
  const [id, title, url] = ['id', 'title', 'url'].map((target) => choose(target, feed[target], map[target], target === 'id'));
  const images = map.image?.map((wanted) => choose('image', [], wanted)) ??
    [choose('image', feed.images[0], undefined, pictures), ...feed.images.slice(1).map(find)];
  return { id, title, url, images: pictures ? [...new Set(images)].filter((column) => column !== undefined) : [] };
}

// The rules of the feed, with the file's own names of columns.
function rulesOf(feed, columns) {
  const find = finder(columns);
  const shown = Object.entries(feed.shown ?? {}).map(([column, values]) => [find([column]), values])
    .filter(([column]) => column !== undefined);
  const { when, of, keys, repeats = false } = feed.child ?? {};
  const child = feed.child && find(when[0]) !== undefined && find(of) !== undefined ? {
    when: [find(when[0]), when[1]], of: find(of), repeats,
    keys: Object.entries(keys).map(([prefix, names]) => [prefix, find(names)]).filter(([, column]) => column !== undefined),
  } : null;
  return { place: find(feed.place), shown, child };
}

// What --fields names, and of `ifThere` what has a column -> [{ field, column, list, every }], and the columns that * left out.
function chooseFields(columns, feed, { fields, ifThere, used, id, title, url, images }, name) {
  const find = finder(columns);
  const known = new Map(Object.entries(feed.fields ?? {}).map(([field, names]) => [field, find(names)])
    .filter(([, column]) => column !== undefined));
  const published = new Map();
  const lists = (feed.lists ?? []).map((field) => known.get(field));
  const every = (feed.every ?? []).map((column) => find([column]));
  const publish = (field, column) => published.set(field,
    { field, column, list: lists.includes(column), every: every.includes(column) });
  for (const field of fields.filter((one) => one !== '*')) {
    const column = columns.find((one) => same(one, field));
    if (column !== undefined) publish(column, column);
    else if (known.has(field)) publish(field, known.get(field));
    else throw new Error(`${name} has no column '${field}' for --fields (it has: ${listed(columns)})`);
  }
  for (const field of ifThere) {
    const column = columns.find((one) => same(one, field)) ?? known.get(field) ?? find([field]);
    if (column !== undefined) publish(field, column);
  }
  const withheld = [];
  if (fields.includes('*')) {
    const named = new Set([...published.values()].map(({ column }) => column));
    const names = new Map([...known].filter(([field, column]) => field === column || !columns.includes(field))
      .map(([field, column]) => [column, field]));
    for (const column of columns)
      if (column && !used.has(column) && !named.has(column)) {
        if (names.has(column)) publish(names.get(column), column);
        else if (looksPrivate(column)) withheld.push(column);
        else publish(column, column);
      }
  }
  const own = { id, title, url, image: images[0] };
  for (const target of targets) {
    if (published.has(target) && own[target] !== published.get(target).column)
      throw new UsageError(`the field '${target}' would hide the product's own ${target}: rename the column`);
    published.delete(target);
  }
  return { published: [...published.values()], withheld };
}

// options: { map, fields, ifThere: fields that the file may lack, from, version, pictures: false where none are asked for };
// name: the file's. Returns what each column becomes: { feed, plain, guarded, id, title, url, images, version, place, shown, child,
// published: [{ field, column, list, every }], withheld, ignored, columns }, of which `columns` are those that are read at all.
export function chooseColumns(all, { map = {}, fields = [], ifThere = [], from, pictures = true, version, name }) {
  const feed = recognise(all, map, from, pictures, name);
  const chosen = chooseTargets(all, feed, map, pictures, name);
  const rules = rulesOf(feed, all);
  const own = version === undefined ? undefined : all.find((column) => same(column, version));
  if (version !== undefined && own === undefined)
    throw new Error(`${name} has no column '${version}' for --version-column (it has: ${listed(all)})`);
  const { place, shown, child } = rules;
  const used = new Set([chosen.id, chosen.title, chosen.url, ...chosen.images, place, ...shown.map(([column]) => column),
    ...child ? [child.when[0], child.of] : []].filter((column) => column !== undefined));
  const { published, withheld } = chooseFields(all, feed, { ...chosen, fields, ifThere, used }, name);
  const read = new Set([...used, ...own === undefined ? [] : [own], ...(child?.keys ?? []).map(([, column]) => column),
    ...published.map(({ column }) => column)]);
  return { feed: feed.name, plain: feed === feeds.plain, guarded: feed.guarded === true, ...chosen, ...rules, version: own, published,
    withheld, columns: [...read],
    ignored: all.filter((column) => column && !read.has(column) && !withheld.includes(column)) };
}
