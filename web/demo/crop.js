// The crop box over the photo: fractions of the picture, moved by pointer, by tap, by keys, by buttons.
// Shift and an arrow key moves the right or lower edge alone.
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const least = 0.08;
const tapped = { width: 0.45, height: 0.6 }; // around what was tapped

// box: the element; stage: what it lies in. onChange(box) is called after each settled change.
export function makeCrop(stage, box, onChange) {
  let crop = { x: 0, y: 0, width: 1, height: 1 };
  let drag = null;

  const show = () => {
    for (const [name, side] of [['left', 'x'], ['top', 'y'], ['width', 'width'], ['height', 'height']])
      box.style.setProperty(name, `${crop[side] * 100}%`);
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
    left: () => set({ ...crop, x: crop.x - 0.04 }), right: () => set({ ...crop, x: crop.x + 0.04 }),
    up: () => set({ ...crop, y: crop.y - 0.04 }), down: () => set({ ...crop, y: crop.y + 0.04 }),
    smaller: () => scale(1 / 1.15), larger: () => scale(1.15), whole: () => set({ x: 0, y: 0, width: 1, height: 1 }),
  };
  const keys = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down', '-': 'smaller', '+': 'larger', '=': 'larger', 0: 'whole' };
  const edges = { ArrowLeft: ['width', -1], ArrowRight: ['width', 1], ArrowUp: ['height', -1], ArrowDown: ['height', 1] };

  box.addEventListener('keydown', (event) => {
    const action = keys[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const edge = event.shiftKey && edges[event.key];
    if (edge) set({ ...crop, [edge[0]]: crop[edge[0]] + 0.04 * edge[1] });
    else actions[action]();
  });

  const at = (event) => {
    const area = stage.getBoundingClientRect();
    return { x: (event.clientX - area.left) / area.width, y: (event.clientY - area.top) / area.height };
  };
  stage.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || drag) return;
    const point = at(event);
    const onGrip = event.target.classList.contains('grip'), onBox = event.target === box;
    const full = crop.width > 0.95 && crop.height > 0.95; // cannot be moved: a new box is drawn in it
    drag = { kind: onGrip ? 'size' : onBox && !full ? 'move' : 'tap', from: point, far: false, crop: { ...crop } };
    stage.setPointerCapture(event.pointerId);
    event.preventDefault();
    if (onBox || onGrip) box.focus();
  });
  stage.addEventListener('pointermove', (event) => {
    if (!drag) return;
    const point = at(event), dx = point.x - drag.from.x, dy = point.y - drag.from.y;
    drag.far ||= Math.hypot(dx, dy) > 0.02;
    if (!drag.far) return;
    if (drag.kind === 'tap') drag.kind = 'draw';
    if (drag.kind === 'move') set({ ...drag.crop, x: drag.crop.x + dx, y: drag.crop.y + dy }, false);
    if (drag.kind === 'size') set({ ...drag.crop, width: drag.crop.width + dx, height: drag.crop.height + dy }, false);
    if (drag.kind === 'draw') set({ x: Math.min(point.x, drag.from.x), y: Math.min(point.y, drag.from.y),
      width: Math.abs(dx), height: Math.abs(dy) }, false);
  });
  stage.addEventListener('pointerup', () => {
    if (!drag) return;
    const { kind, from, far } = drag;
    drag = null;
    const wide = crop.width > tapped.width || crop.height > tapped.height;
    if (far) set(crop);
    else if (kind === 'tap' || kind === 'move' && wide) set({ ...tapped, x: from.x - tapped.width / 2, y: from.y - tapped.height / 2 });
  });
  stage.addEventListener('pointercancel', () => {
    if (drag) set(drag.crop, false);
    drag = null;
  });

  return { act: (name) => actions[name]?.(), reset: (next) => { crop = { ...next }; show(); }, get value() { return { ...crop }; } };
}
