// A box is a part of a picture in fractions of it. It may reach over the edges, as those of detectors do, but not lie
// beside the picture, and not be many times as large: that is one in pixels.
export const isBox = ({ x, y, width, height }) => [[x, width], [y, height]]
  .every(([from, size]) => Number.isFinite(from) && size > 0 && size <= 2 && from < 1 && from + size > 0);
