// The crop box over the photo: fractions of the picture. Corners are dragged, the box is moved, a tap puts it around
// a thing, dragging beside it draws a new one; the same from the keyboard and by buttons.
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const least = 0.1, step = 0.04;
const tapped = { width: 0.45, height: 0.6 }; // around what was tapped

// frame: what the box lies in, exactly over the photo. onChange(box) is called after each settled change.
export function makeCrop(frame, box, onChange) {
  let crop = { x: 0, y: 0, width: 1, height: 1 };
  let drag = null;

  const show = () => {
    for (const side of ['x', 'y', 'width', 'height']) frame.style.setProperty(`--${side}`, crop[side]);
    frame.classList.toggle('full', crop.width > 0.95 && crop.height > 0.95);
  };
  const set = (next, settled = true) => {
    const width = clamp(next.width, least, 1), height = clamp(next.height, least, 1);
    crop = { x: clamp(next.x, 0, 1 - width), y: clamp(next.y, 0, 1 - height), width, height };
    show();
    if (settled) onChange({ ...crop });
  };
  const scale = (factor) => set({ width: crop.width * factor, height: crop.height * factor,
    x: crop.x + crop.width * (1 - factor) / 2, y: crop.y + crop.height * (1 - factor) / 2 });

  const actions = {
    left: () => set({ ...crop, x: crop.x - step }), right: () => set({ ...crop, x: crop.x + step }),
    up: () => set({ ...crop, y: crop.y - step }), down: () => set({ ...crop, y: crop.y + step }),
    smaller: () => scale(1 / 1.15), larger: () => scale(1.15), whole: () => set({ x: 0, y: 0, width: 1, height: 1 }),
  };
  const keys = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down', '-': 'smaller', '+': 'larger', '=': 'larger', 0: 'whole' };
  const edges = { ArrowLeft: ['width', -1], ArrowRight: ['width', 1], ArrowUp: ['height', -1], ArrowDown: ['height', 1] };

  box.addEventListener('keydown', (event) => {
    const action = keys[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const edge = event.shiftKey && edges[event.key];
    if (edge) set({ ...crop, [edge[0]]: crop[edge[0]] + step * edge[1] });
    else actions[action]();
  });

  // The box from which the corner was taken, the opposite corner staying where it is.
  function pulled({ x, y, width, height }, corner, dx, dy) {
    const west = corner.includes('w'), north = corner.includes('n');
    const left = west ? clamp(x + dx, 0, x + width - least) : x, top = north ? clamp(y + dy, 0, y + height - least) : y;
    const right = west ? x + width : clamp(x + width + dx, x + least, 1), bottom = north ? y + height : clamp(y + height + dy, y + least, 1);
    return { x: left, y: top, width: right - left, height: bottom - top };
  }
  const at = (event) => {
    const area = frame.getBoundingClientRect();
    return { x: (event.clientX - area.left) / area.width, y: (event.clientY - area.top) / area.height };
  };
  frame.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || drag) return;
    const { corner } = event.target.dataset, onBox = event.target === box;
    const full = frame.classList.contains('full'); // cannot be moved: a new box is drawn in it
    drag = { kind: corner ? 'size' : onBox && !full ? 'move' : 'tap', corner, pointer: event.pointerId, from: at(event), far: false, crop: { ...crop } };
    frame.setPointerCapture(event.pointerId);
    event.preventDefault();
    if (onBox || corner) box.focus({ preventScroll: true });
  });
  frame.addEventListener('pointermove', (event) => {
    if (drag?.pointer !== event.pointerId) return;
    const point = at(event), dx = point.x - drag.from.x, dy = point.y - drag.from.y;
    drag.far ||= Math.hypot(dx, dy) > 0.02;
    if (!drag.far) return;
    if (drag.kind === 'tap') drag.kind = 'draw';
    if (drag.kind === 'move') set({ ...drag.crop, x: drag.crop.x + dx, y: drag.crop.y + dy }, false);
    if (drag.kind === 'size') set(pulled(drag.crop, drag.corner, dx, dy), false);
    if (drag.kind === 'draw') set({ x: Math.min(point.x, drag.from.x), y: Math.min(point.y, drag.from.y),
      width: Math.abs(dx), height: Math.abs(dy) }, false);
  });
  frame.addEventListener('pointerup', (event) => {
    if (drag?.pointer !== event.pointerId) return;
    const { kind, from, far } = drag;
    drag = null;
    const wide = crop.width > tapped.width || crop.height > tapped.height;
    if (far) set(crop);
    else if (kind === 'tap' || kind === 'move' && wide) set({ ...tapped, x: from.x - tapped.width / 2, y: from.y - tapped.height / 2 });
  });
  frame.addEventListener('pointercancel', (event) => {
    if (drag?.pointer !== event.pointerId) return;
    set(drag.crop, false);
    drag = null;
  });

  return { act: (name) => actions[name]?.(), reset: (next) => { drag = null; crop = { ...next }; show(); }, get value() { return { ...crop }; } };
}
