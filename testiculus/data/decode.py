"""Image files as 8-bit grey, by stated rules; nothing of a file is trusted before it is checked.

Main functions: `read_image`, `read_mask`, `to_grey8`, `open_image`. The rules, in their order:

- The first frame of a file that holds several; the rotation of the EXIF header is applied.
- 8-bit grey and 1-bit images keep their values (1 bit: 0 and 255).
- Transparency is composited on black. Colour, palettes and CMYK go through RGB to luma
  (ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B); R = G = B keeps its value.
- Of 16-bit colour the upper 8 bits count (Pillow reads no more).
- 16-bit grey g of b used bits becomes round(255 g / (2^b - 1)). b is the setting `bits` of the
  manifest; without it, the smallest of 8, 10, 12, 14 and 16 that holds the image's largest value,
  because 12-bit recordings usually come in 16-bit files, where the full range would blacken them.
- Floating point within 0 to 1 is multiplied by 255; within 0 to 255 it is rounded.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

PIXEL_LIMIT = 50_000_000  # 7000 x 7000; a B-mode still has 1 million
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000")
LOSSY = ("JPEG", "MPO")  # compression smears a mask's edges: its background is not exactly 0
BEGINNINGS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*", b"BM")
DEPTHS = (8, 10, 12, 14, 16)


class DecodeError(ValueError):
    """A file that is no usable image; the text continues "the file ..."."""


@dataclass(frozen=True)
class Decoded:
    """`values` uint8 H x W, `notes` on what was odd, `bits` used of a 16-bit file (else 0)."""

    values: np.ndarray
    notes: tuple[str, ...] = ()
    bits: int = 0


def to_grey8(image: Image.Image, bits: int | None = None) -> np.ndarray:
    """Return a PIL image as uint8 H x W by the rules at the head of this module.

    `bits` says how many bits of a 16-bit image are used (8 to 16). Raises `DecodeError` where
    values are negative, not finite, or above what the rules cover.
    """
    return _grey_and_bits(image, bits)[0]


def _grey_and_bits(image: Image.Image, bits: int | None) -> tuple[np.ndarray, int]:
    if image.mode.startswith("I"):
        return _from_integers(np.asarray(image), bits)
    if image.mode == "F":
        return _from_floats(np.asarray(image)), 0
    try:
        if image.has_transparency_data:
            front = image.convert("RGBA")
            black = Image.new("RGBA", front.size, (0, 0, 0, 255))
            image = Image.alpha_composite(black, front)
        if image.mode not in ("L", "1", "RGB"):
            image = image.convert("RGB")
        return np.array(image.convert("L")), 0
    except ValueError as error:
        raise DecodeError(f"has colours of the kind {image.mode}; export it as RGB") from error


def _from_integers(values: np.ndarray, bits: int | None) -> tuple[np.ndarray, int]:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise DecodeError(f"holds values from {low} to {high}; export it with 8 or 16 bits")
    if bits is None:
        bits = next(depth for depth in DEPTHS if high < 2**depth)
    if high >= 2**bits:
        raise DecodeError(f'holds {high}, more than {bits} bits; correct "bits" in the settings')
    top = 2**bits - 1
    return ((values.astype(np.uint32) * 510 + top) // (2 * top)).astype(np.uint8), bits


def _from_floats(values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        raise DecodeError("holds values that are not finite; export it with 8 or 16 bits")
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 255:
        raise DecodeError(f"holds values from {low:g} to {high:g}; export it with 8 or 16 bits")
    return np.rint(values * (255 if high <= 1 else 1)).astype(np.uint8)


def read_image(path: Path, bits: int | None = None) -> Decoded:
    """Return the picture in a file as 8-bit grey; raises `DecodeError` where there is none."""
    image, notes = open_image(path)
    grey, used = _grey_and_bits(image, bits)
    if grey.min() == grey.max():
        notes = (*notes, f"holds a single grey level, {grey[0, 0]}")
    return Decoded(grey, notes, used)


def read_mask(path: Path) -> Decoded:
    """Return the mask in a file as uint8 H x W of 0 and 1: every value but 0 is inside.

    In a palette file the index counts, not its colour. In a colour file a pixel is inside where it
    is neither black nor fully transparent. In a JPEG, which smears edges, from 128 on, with a note.
    Raises `DecodeError` where there is no picture.
    """
    image, notes = open_image(path)
    if image.format in LOSSY:
        inside = to_grey8(image) >= 128
        notes = (*notes, "is a JPEG, whose compression smears edges: taken as inside from 128 on")
    elif image.mode in ("P", "L", "1", "F") or image.mode.startswith("I"):
        inside = np.asarray(image) != 0
    else:
        colour = np.asarray(image.convert("RGBA"))
        inside = colour[..., :3].any(axis=2) & (colour[..., 3] > 0)
    if inside.all():
        notes = (*notes, "covers the whole image")
    return Decoded(inside.astype(np.uint8), notes)


def open_image(path: Path) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the first frame of a file, decoded and upright, and notes on what was odd.

    Raises `DecodeError` for a file that is absent, damaged, absurdly large or no image.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_size(*image.size)
            frames = getattr(image, "n_frames", 1)
            image.load()
            kind = image.format
            image = ImageOps.exif_transpose(image)
            image.format = kind
    except DecodeError:
        raise
    except FileNotFoundError as error:
        raise DecodeError("is not there; check the path") from error
    except Image.DecompressionBombError as error:
        raise DecodeError(f"is absurdly large; {_limit()}") from error
    except Image.UnidentifiedImageError as error:
        raise DecodeError(_not_an_image(path)) from error
    except Exception as error:  # decoders of damaged files raise all kinds
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        what = f"is truncated or damaged ({reason[0]}); copy it again from its source"
        raise DecodeError(what) from error
    return image, (f"holds {frames} frames: the first is used",) if frames > 1 else ()


def _check_size(width: int, height: int) -> None:
    if width * height > PIXEL_LIMIT:
        raise DecodeError(f"has {width} x {height} pixels; {_limit()}")


def _limit() -> str:
    return f"the limit is {PIXEL_LIMIT // 10**6} million pixels, so make it smaller or crop it"


def _not_an_image(path: Path) -> str:
    with path.open("rb") as stream:
        head = stream.read(512)
    if head[128:132] == b"DICM":
        return "is a DICOM file; take it in with the import command"
    if head.startswith(BEGINNINGS):
        return "is truncated or damaged (it begins like an image); copy it again from its source"
    if b"\x00" not in head and head.isascii():
        return "is a text file, not an image; name an image file"
    return f"is no image of a known kind; use {', '.join(FORMATS[:2])} or TIFF"
