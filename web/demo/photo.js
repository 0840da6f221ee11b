// The shop's photo panel is <kin-search>: ways in, preview, crop. What a shopper does there goes to the address, as every act here
// does, and the photo that the address names is shown there. The hits are the shop's own list, since words, products and
// the visitor's own pictures are answered in it too.
import { boxText } from './address.js';
import { keep } from './photos.js';
import { $, download, hide } from './say.js';
import { countFromNow, workerUrl } from './sent.js';
import { go, noQuery } from './where.js';

export const finder = $('finder');
export const samples = [...document.querySelectorAll('.sample')];
export const whole = { x: 0, y: 0, width: 1, height: 1 };

// The model is kept once a visitor has searched, so that the next visit has it.
finder.loadOptions = { worker: workerUrl, cache: 'persistent', onProgress: download };
let shown = { from: null, box: '' }; // in the element: the photo, and the part of it that is searched by
finder.find = ({ image, box = whole }) => {
  const another = image !== shown.from;
  shown = { from: image, box: boxText(box) };
  if (another) startCount();
  return another ? go({ ...noQuery, photo: keep(image) }, { to: true }) : go({ box: boxText(box), q: '', like: '' }, { replace: true });
};

const showSent = ({ bytes, files }) => {
  const many = (n, what) => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;
  $('proof').textContent = `${many(bytes, 'byte')} of your photo sent, ${many(files, 'file')} fetched since you chose it.`;
};
const startCount = () => countFromNow(showSent);

// source: { key, from } as shop.js has it, or null: there is none; idle: it is there, and something else is searched.
export function showPhoto(source, box, idle) {
  for (const sample of samples) sample.setAttribute('aria-pressed', String(!idle && sample.dataset.src === source?.key));
  finder.classList.toggle('none', !source);
  if (!source) {
    shown = { from: null, box: '' };
    finder.reset();
    pictured = { from: null };
    $('chip').classList.add('blank');
  } else if (source.from !== shown.from || boxText(box) !== shown.box) {
    if (source.from !== shown.from) startCount();
    shown = { from: source.from, box: boxText(box) };
    finder.show(source.from, box);
  }
}
export function showIdle(idle) {
  finder.classList.toggle('idle', idle);
  if (idle) $('use-photo').hidden = false;
  else hide($('use-photo'));
}

// ---- the picture beside the heading, which says what was looked for ----------------------------------------------------
let pictured = { from: null }; // { from, image, box }
function draw() {
  const { image, box: { x, y, width, height } } = pictured, { naturalWidth, naturalHeight } = image, thumb = $('thumb');
  const tooLarge = naturalWidth * naturalHeight > 64e6; // no search takes it, and the page would stand still while it is drawn
  const side = tooLarge ? 0 : Math.min(width * naturalWidth, height * naturalHeight), context = thumb.getContext('2d');
  context.clearRect(0, 0, thumb.width, thumb.height);
  if (side) context.drawImage(image, (x + width / 2) * naturalWidth - side / 2, (y + height / 2) * naturalHeight - side / 2, side, side, 0, 0, thumb.width, thumb.height);
  $('chip').classList.toggle('blank', !side);
}
// from: a File or an address; name: what a press on it does.
export function showChip(from, box, name) {
  $('chip').setAttribute('aria-label', name);
  if (from === pictured.from) {
    pictured.box = box;
    if (pictured.image.complete) draw();
    return;
  }
  const image = new Image(), blob = from instanceof Blob ? URL.createObjectURL(from) : null;
  const mine = pictured = { from, image, box };
  for (const kind of ['load', 'error']) image.addEventListener(kind, () => { // drawn when it is there: until then nothing moves
    if (blob) URL.revokeObjectURL(blob);
    if (pictured === mine) draw();
  });
  image.src = blob ?? from;
}
