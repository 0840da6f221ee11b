// What is looked for, as the part of the address behind the #, which browsers send to nobody: Reload, Back and a
// bookmark find it again.
//
//   q        words                      photo   key of a photo of the visitor's (photos.js), or own-ID: of their pictures
//   sample   a sample photo, by its id  box     the crop of either: x-y-width-height
//   like     a product, by its id       group, price   the filters
//   in       'own': the visitor's pictures are searched, not the shop
//   product  the product that is open
const names = ['q', 'sample', 'photo', 'box', 'like', 'group', 'price', 'in', 'product'];

export function read(hash) {
  const given = new URLSearchParams(hash.slice(1));
  const state = Object.fromEntries(names.map((name) => [name, given.get(name) ?? '']));
  return { ...state, price: Number(state.price) > 0 ? state.price : '', in: state.in === 'own' ? 'own' : '' };
}

export function write(state) {
  const given = String(new URLSearchParams(names.filter((name) => state[name]).map((name) => [name, state[name]])));
  return given ? `#${given}` : location.pathname + location.search;
}

export const boxText = ({ x, y, width, height }) => [x, y, width, height].map((part) => part.toFixed(3)).join('-');

// -> the box, or null where the text is none
export function readBox(text) {
  const [x, y, width, height] = text.split('-').map(Number);
  return [x, y, width, height].every((part) => part >= 0 && part <= 1) && width && height ? { x, y, width, height } : null;
}
