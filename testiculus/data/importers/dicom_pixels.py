"""The pixels of a DICOM still as a grey or RGB picture of 8 bits.

Main function: `open_still`. pydicom decodes; what is done here is what the file says must follow:
inversion, palette, window, stored range.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from testiculus.data.decode import DecodeError

if TYPE_CHECKING:
    from pydicom import Dataset


def open_still(path: Path) -> Image.Image:
    """Return the first frame as a grey or RGB picture; raises `DecodeError` if it cannot be had.

    MONOCHROME1 is inverted, palettes and YBR become RGB, more than 8 bits are windowed by the
    file's own window if it has one and scaled by their stored range.
    """
    import pydicom

    try:
        dataset = pydicom.dcmread(path)
        frame = _first_frame(dataset)
    except Exception as error:  # decoders of damaged or exotic pixels raise all kinds
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise DecodeError(
            f"has pixels that cannot be decoded ({reason[0][:200]}); convert it to an uncompressed "
            "DICOM first, for example with gdcmconv --raw or dcmdjpeg"
        ) from error
    return Image.fromarray(frame)


def _first_frame(dataset: "Dataset") -> np.ndarray:
    from pydicom.pixels import apply_color_lut, apply_voi_lut, pixel_array

    frame = pixel_array(dataset, index=0)  # YBR becomes RGB here
    kind = dataset.PhotometricInterpretation
    if kind == "PALETTE COLOR":
        frame = apply_color_lut(frame, dataset)
        return frame if frame.dtype == np.uint8 else (frame >> 8).astype(np.uint8)
    if frame.ndim == 3:
        return frame.astype(np.uint8)
    if dataset.BitsStored > 8:
        frame = _to_8_bits(apply_voi_lut(frame, dataset), dataset)
    frame = frame.astype(np.uint8)
    return 255 - frame if kind == "MONOCHROME1" else frame


def _to_8_bits(frame: np.ndarray, dataset: "Dataset") -> np.ndarray:
    low = -(2 ** (dataset.BitsStored - 1)) if dataset.PixelRepresentation else 0
    scaled = (frame.astype(np.float64) - low) * 255 / (2**dataset.BitsStored - 1)
    return np.rint(scaled).clip(0, 255)
