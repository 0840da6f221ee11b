"""The colour that a thing has, out of eleven basic ones, by its pixels; several shades stand for each."""
import numpy as np

SHADES = dict(
    red=((210, 40, 40), (130, 25, 35)), orange=((245, 140, 30), (230, 100, 40)),
    yellow=((250, 215, 60), (215, 170, 50), (245, 230, 150)), green=((60, 160, 70), (85, 95, 45), (20, 80, 50), (150, 200, 110)),
    blue=((50, 110, 210), (25, 35, 85), (120, 170, 215), (40, 140, 160)), purple=((140, 70, 180), (185, 160, 215), (80, 40, 90)),
    pink=((245, 140, 180), (230, 40, 120), (245, 195, 200)), brown=((130, 85, 50), (75, 50, 35), (180, 140, 100)),
    black=((20, 20, 20), (45, 45, 45)), gray=((90, 90, 90), (135, 135, 135), (180, 180, 180)),
    white=((245, 245, 245), (222, 222, 218)))
COLOURS = tuple(SHADES)


def lab(rgb):
    """sRGB 0..255 [n, 3] -> CIE L*a*b* for daylight D65 (CIE 15:2004)."""
    c = np.asarray(rgb, 'f4') / 255
    c = np.where(c > .04045, ((c + .055) / 1.055) ** 2.4, c / 12.92)
    xyz = c @ np.array([[.4124, .2126, .0193], [.3576, .7152, .1192], [.1805, .0722, .9505]], 'f4')
    xyz /= np.array([.9505, 1, 1.089], 'f4')
    f = np.where(xyz > .008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


OF, PLACES = zip(*((i, p) for i, shades in enumerate(SHADES.values()) for p in shades))
OF, PLACES = np.array(OF), lab(PLACES)


def colour_of(pixels):
    """uint8 [n, 3] -> the name of the colour of more than half of them, or ''. Lightness counts half."""
    if len(pixels) < 50:
        return ''
    weight = np.array([.5, 1, 1], 'f4')
    near = (((lab(pixels)[:, None] - PLACES) * weight) ** 2).sum(-1).argmin(1)
    count = np.bincount(OF[near], minlength=len(COLOURS))
    return COLOURS[count.argmax()] if count.max() > .55 * len(pixels) else ''
