// What photos show, for the kinds of labels/alt.yaml: objects by the judged sets' own labels, colours and grounds by the shop's.
// All were kept out of training. By their files' checksums one half is to choose with and the other to judge by.
import { crc32 } from '../../catalog/lib/crc32.js';
import { bestOf } from '../../web/shared/draft.js';
import { embedSet, firstOf, seenSet } from './pictures.js';

const clothing = {
  'T-Shirt': ['T-shirt'], Pants: ['trousers', 'jeans', 'leggings', 'tracksuit bottoms'], Longsleeve: ['long-sleeved shirt', 'sweater', 'sweatshirt', 'cardigan'],
  Shoes: ['shoe', 'sneaker', 'boot', 'high-heeled shoe', 'sandal', 'flip-flop', 'loafer', 'ballet shoe', 'clog', 'slipper', 'hiking boot', 'cowboy boot'],
  Shirt: ['shirt'], Dress: ['dress', 'wedding dress'], Shorts: ['shorts'], Outwear: ['jacket', 'coat', 'raincoat', 'fur coat'],
  Hat: ['hat', 'cap', 'sun hat', 'knitted hat', 'cowboy hat', 'top hat'], Skirt: ['skirt'], Undershirt: ['undershirt'], Polo: ['polo shirt'],
  Blazer: ['blazer', 'suit'], Hoodie: ['hoodie', 'sweatshirt'], Body: ['bodysuit', 'romper suit'], Top: ['top', 'blouse', 'undershirt'], Blouse: ['blouse', 'top', 'shirt'],
};

const grocery = { // by the wider kind
  Apple: ['apple'], Pear: ['pear'], Satsumas: ['mandarin'], Orange: ['orange'], Melon: ['melon'], Kiwi: ['kiwi'], Banana: ['banana'], Tomato: ['tomato'], Carrots: ['carrot'],
  Lemon: ['lemon'], Lime: ['lime'], Avocado: ['avocado'], Mushroom: ['mushroom'], Onion: ['onion'], Peach: ['peach'], Nectarine: ['nectarine'], Plum: ['plum'],
  'Red Grapefruit': ['grapefruit'], Pepper: ['bell pepper'], Zucchini: ['courgette'], Mango: ['mango'], Papaya: ['papaya'], 'Passion Fruit': ['passion fruit'],
  Cucumber: ['cucumber'], Pomegranate: ['pomegranate'], Pineapple: ['pineapple'], Leek: ['leek'], Aubergine: ['aubergine'], Garlic: ['garlic'], Cabbage: ['cabbage'],
  'Red Beet': ['beetroot'], Ginger: ['ginger root'], Asparagus: ['asparagus'], Potato: ['potato'], Milk: ['carton of milk'], 'Oat Milk': ['carton of milk'],
  'Soy Milk': ['carton of milk'], 'Sour Milk': ['carton of milk'], Juice: ['carton of juice'], Yoghurt: ['pot of yoghurt'], Oatghurt: ['pot of yoghurt'],
  Soyghurt: ['pot of yoghurt'], 'Sour Cream': ['carton of cream'],
};
const groceryKind = { Watermelon: ['watermelon'], 'Sweet Potato': ['sweet potato'] };

const caltech101 = { // where the set's word is not the pack's
  airplane: ['aeroplane'], 'bass fish': ['fish'], bonsai: ['bonsai tree', 'potted plant'], brain: ['human brain'], brontosaurus: ['dinosaur'], stegosaurus: ['dinosaur'],
  cellphone: ['mobile phone'], cup: ['cup', 'mug'], 'dollar bill': ['banknote'], 'electric guitar': ['electric guitar', 'guitar'], euphonium: ['tuba'],
  'ewer jug': ['jug'], gerenuk: ['antelope'], 'grand piano': ['piano'], 'hawksbill sea turtle': ['turtle'], 'ibis bird': ['ibis', 'bird'], lotus: ['lotus flower', 'water lily'],
  'water lily': ['water lily', 'lotus flower'], menorah: ['candlestick'], minaret: ['mosque', 'tower'], 'nautilus shell': ['shell'], pagoda: ['temple'], rhino: ['rhinoceros'],
  'ketch sailboat': ['sailing boat', 'sailing ship'], 'schooner sailing ship': ['sailing ship', 'sailing boat'], ferry: ['ferry', 'ship'], 'sea horse': ['sea horse'],
  'soccer ball': ['football'], 'tick insect': ['tick'], trilobite: ['trilobite fossil'], 'wild cat': ['wildcat', 'cat'], 'windsor chair': ['wooden chair', 'chair'], chair: ['chair', 'wooden chair', 'armchair'],
  lamp: ['lamp', 'floor lamp'], 'yin yang': ['yin yang symbol'], wrench: ['wrench'], watch: ['watch', 'pocket watch'], umbrella: ['umbrella', 'parasol'], cougar: ['cougar'], car: ['car', 'sports car'],
  helicopter: ['helicopter'], 'buddha statue': ['buddha statue', 'sculpture'], dalmatian: ['dalmatian', 'dog'],
};

// A row of a set -> the labels that would be right; undefined: the set says of it too little.
export const objectsOf = (set, { label, coarse }) => ({
  clothing: () => clothing[label],
  grocery: () => groceryKind[label] ?? grocery[coarse],
  caltech101: () => caltech101[label] ?? [label],
})[set]?.();

const objectSets = ['caltech101', 'clothing', 'grocery'];
const colours = ['Black', 'White', 'Grey', 'Red', 'Green', 'Blue', 'Yellow', 'Brown', 'Pink', 'Purple'];
const aColour = 200; // products
const busy = 5; // every so manieth photo of the other sets: their grounds are no even white

export const sources = { object: `held-out photos of ${objectSets.join(', ')}`,
  material: 'held-out photos of used packaging (trashnet)', pattern: 'clothes of a shop whose titles say their pattern', colour: `${aColour} products of a shop in each of ${colours.length} colours`, setting: 'the same products, on white, and photos of clothes and groceries' };

// What a title of the shop says of a product's pattern.
const patterns = { strip: ['with stripes'], check: ['with a check pattern'], polka: ['with polka dots'], floral: ['with a floral pattern'],
  print: ['with a floral pattern', 'with printed words', 'with a printed picture', 'with a camouflage pattern', 'with an animal print'] };
const patternsOf = ({ title }) => Object.keys(patterns).filter((word) => title.toLowerCase().includes(word)).flatMap((word) => patterns[word]);

export const splitOf = (file) => (parseInt(crc32(Buffer.from(file)), 16) & 1 ? 'choose' : 'judge');

// -> [{ set, found, right, split }] for measureParts
export async function partsShown(clip, pack, data) {
  const shown = [];
  for (const set of objectSets) {
    const rows = await embedSet(clip, data, set, ({ split }) => split === 'val');
    for (const row of rows)
      shown.push({ set, found: bestOf(pack, row), right: { object: objectsOf(set, row) }, split: splitOf(row.file) });
    if (set === 'caltech101') continue; // some of its photos are on white
    for await (const [{ file, vector }, pixels] of seenSet(clip, data, set, rows.filter((_, i) => i % busy === 0)))
      shown.push({ set, found: bestOf(pack, { vector, pixels }), right: { setting: [] }, split: splitOf(file) });
  }
  for (const row of await embedSet(clip, data, 'trashnet', ({ split, label }) => split === 'val' && label !== 'rubbish'))
    shown.push({ set: 'trashnet', found: bestOf(pack, row), right: { material: [row.label] }, split: splitOf(row.file) });
  for (const row of await embedSet(clip, data, 'shop', (one) => patternsOf(one).length > 0 && /shirt|Top|Kurta|Dress/.test(one.type)))
    shown.push({ set: 'shop', found: bestOf(pack, row), right: { pattern: patternsOf(row) }, split: splitOf(row.file) });
  const some = firstOf(aColour, 'colour');
  const products = await embedSet(clip, data, 'shop', (row) => colours.includes(row.colour) && some(row));
  for await (const [{ file, vector, colour }, pixels] of seenSet(clip, data, 'shop', products))
    shown.push({ set: 'shop', found: bestOf(pack, { vector, pixels }), split: splitOf(file),
      right: { colour: [colour.toLowerCase()], setting: ['on a white background'] } });
  return shown;
}
