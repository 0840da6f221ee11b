// The photo, its crop, and the picture beside the heading that says what was looked for.
import { boxText } from './address.js';
import { makeCrop } from './crop.js';
import { $ } from './say.js';
import { countFromNow } from './sent.js';
import { go, state } from './where.js';

const photo = $('photo'), frame = $('frame'), panel = $('by-photo');
export const samples = [...document.querySelectorAll('.sample')];
export const whole = { x: 0, y: 0, width: 1, height: 1 };

let cropping = 0;
const crop = makeCrop(frame, $('box'), (box) => {
  clearTimeout(cropping); // a key that is held is one act
  cropping = setTimeout(() => go({ box: boxText(box), q: '', like: '' }, { replace: true }), 120);
  drawPhoto();
});

const showSent = ({ bytes, files }) => {
  const many = (n, what) => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;
  $('proof').textContent = `${many(bytes, 'byte')} of your photo sent, ${many(files, 'file')} fetched since you chose it.`;
};

let showing = samples[0].dataset.src; // the photo in the frame
// source: { key, from, src } as shop.js has it, or null; idle: it is there, and something else is searched.
export function showPhoto(source, box, idle) {
  for (const sample of samples) sample.setAttribute('aria-pressed', String(!idle && sample.dataset.src === source?.key));
  if (source?.key !== showing) {
    clearTimeout(cropping);
    showing = source?.key;
    if (photo.src.startsWith('blob:')) URL.revokeObjectURL(photo.src);
    if (source) photo.src = source.src ?? URL.createObjectURL(source.from);
    else photo.removeAttribute('src');
    photo.alt = source?.src ? 'The sample photo' : 'Your photo';
    $('no-preview').textContent = source ? 'This browser shows no preview of the photo.' : 'No photo.';
    countFromNow(showSent);
    framePhoto();
  }
  if (boxText(box) !== boxText(crop.value)) crop.reset(box);
  drawPhoto();
}
// The next photo of the same name is another one.
export const forgetShown = () => { showing = null; };

export function showIdle(idle) {
  panel.classList.toggle('idle', idle);
  $('use-photo').hidden = !idle;
  $('adjust').disabled = idle;
}
function framePhoto() {
  frame.style.setProperty('--ratio', photo.naturalWidth / photo.naturalHeight || 4 / 3);
  $('stage').classList.toggle('blank', photo.complete && !photo.naturalWidth);
  drawPhoto();
}
photo.addEventListener('load', framePhoto);
photo.addEventListener('error', framePhoto); // a format the browser cannot show

function draw(image, { x, y, width, height }) {
  const thumb = $('thumb'), { naturalWidth, naturalHeight } = image;
  const side = Math.min(width * naturalWidth, height * naturalHeight), context = thumb.getContext('2d');
  context.clearRect(0, 0, thumb.width, thumb.height);
  if (side) context.drawImage(image, (x + width / 2) * naturalWidth - side / 2, (y + height / 2) * naturalHeight - side / 2, side, side, 0, 0, thumb.width, thumb.height);
  $('chip').classList.toggle('blank', !side);
}
function drawPhoto() {
  if (state.like || !photo.complete) return; // drawn when it is there: until then nothing moves
  $('chip').setAttribute('aria-label', 'To the photo and its crop');
  draw(photo, crop.value);
}
// A product in place of the photo.
export function drawProduct(src) {
  const { like } = state, image = new Image();
  $('chip').setAttribute('aria-label', 'Open the product');
  image.addEventListener('load', () => { if (state.like === like) draw(image, whole); });
  image.src = src;
}

// The crop's buttons are there on demand, and for whoever comes with the keyboard. (By :focus-within they would be gone
// before they get the focus.)
const adjusting = () => $('adjust').getAttribute('aria-expanded') === 'true';
const showButtons = ({ target }) => panel.classList.toggle('buttons', adjusting() ||
  (target === $('box') || $('tools').contains(target)) && target.matches(':focus-visible'));
document.addEventListener('focusin', showButtons);
$('adjust').addEventListener('click', (event) => {
  $('adjust').setAttribute('aria-expanded', String(!adjusting()));
  showButtons(event);
});
for (const button of document.querySelectorAll('[data-crop]')) button.addEventListener('click', () => crop.act(button.dataset.crop));

// The first sample is on the page already, with this crop.
export function startPhoto(box) {
  crop.reset(box);
  framePhoto();
  countFromNow(showSent);
}
