import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from testiculus.data import decode
from testiculus.data.decode import DecodeError, read_image, read_mask, to_grey8


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def saved(folder, image, name="a.png", **options):
    image.save(folder / name, **options)
    return folder / name


def refusal(path, **options):
    with pytest.raises(DecodeError) as caught:
        read_image(path, **options)
    return str(caught.value)


def test_8_bit_grey_keeps_its_values(rng):
    grey = rng.integers(0, 256, (5, 7), dtype=np.uint8)
    assert np.array_equal(to_grey8(Image.fromarray(grey)), grey)


def test_1_bit_becomes_0_and_255():
    image = Image.fromarray(np.array([[0, 255, 255]], dtype=np.uint8)).convert("1")
    assert to_grey8(image).tolist() == [[0, 255, 255]]


def test_colour_becomes_luma_by_the_written_formula(rng):
    colour = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    red, green, blue = np.moveaxis(colour.astype(float), 2, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    assert np.abs(to_grey8(Image.fromarray(colour)) - luma).max() <= 0.51


def test_colour_without_a_tint_keeps_its_grey():
    grey = np.arange(256, dtype=np.uint8)[None]
    assert np.array_equal(to_grey8(Image.fromarray(np.stack([grey] * 3, axis=2))), grey)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_composited_on_black(mode):
    image = Image.new(mode, (3, 1), (200,) * (len(mode) - 1) + (255,))
    image.putalpha(Image.fromarray(np.array([[255, 128, 0]], dtype=np.uint8)))
    found = to_grey8(image).astype(int)[0]
    assert np.abs(found - [200, 200 * 128 / 255, 0]).max() <= 1


def test_a_transparent_entry_of_a_palette_is_black(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], dtype=np.uint8)).convert("P")
    image.putpalette([255, 255, 255, 90, 90, 90])
    assert read_image(saved(tmp_path, image, transparency=0)).values.tolist() == [[0, 90]]


def test_a_palette_goes_through_its_colours():
    image = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8)).convert("P")
    image.putpalette([10, 10, 10, 255, 0, 0, 0, 0, 255])
    assert to_grey8(image).tolist() == [[10, 76, 29]]  # 0.299 and 0.114 of 255


def test_cmyk_goes_through_rgb():
    image = Image.new("CMYK", (1, 1), (0, 255, 255, 0))  # full magenta and yellow: red
    assert to_grey8(image).tolist() == [[76]]


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_16_bit_grey_is_scaled_by_the_fewest_bits_that_hold_it(bits):
    top = 2**bits - 1
    values = np.linspace(0, top, 50).round().astype(np.uint16)[None]
    found = to_grey8(Image.fromarray(values))
    assert np.array_equal(found, np.floor(values * 255.0 / top + 0.5))
    assert found.max() == 255


def test_a_12_bit_recording_in_a_16_bit_file_is_not_blackened(tmp_path):
    path = saved(tmp_path, Image.fromarray(np.array([[0, 2048, 4000]], dtype=np.uint16)))
    decoded = read_image(path)
    assert decoded.values.tolist() == [[0, 128, 249]]
    assert decoded.bits == 12


def test_the_number_of_bits_can_be_set(tmp_path):
    path = saved(tmp_path, Image.fromarray(np.array([[0, 1000]], dtype=np.uint16)))
    assert read_image(path, bits=12).values.tolist() == [[0, 62]]
    assert read_image(path, bits=16).values.tolist() == [[0, 4]]
    assert 'holds 1000, more than 9 bits; correct "bits"' in refusal(path, bits=9)


def test_big_endian_and_32_bit_integers_follow_the_same_rule(tmp_path):
    values = np.array([[0, 2048, 4095]])
    big = Image.frombytes("I;16B", (3, 1), values.astype(">u2").tobytes())
    wide = saved(tmp_path, Image.fromarray(values.astype(np.int32)), "a.tif")
    assert to_grey8(big).tolist() == read_image(wide).values.tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("values", [[[-1, 5]], [[0, 65536]]])
def test_integers_that_no_rule_covers_are_refused(values):
    with pytest.raises(DecodeError, match="export it with 8 or 16 bits"):
        to_grey8(Image.fromarray(np.array(values, dtype=np.int32)))


def test_floating_point_is_taken_as_0_to_1_or_as_0_to_255(tmp_path):
    unit = saved(tmp_path, Image.fromarray(np.array([[0, 0.5, 1]], dtype=np.float32)), "a.tif")
    bytes_ = saved(tmp_path, Image.fromarray(np.array([[0, 99.6]], dtype=np.float32)), "b.tif")
    assert read_image(unit).values.tolist() == [[0, 128, 255]]
    assert read_image(bytes_).values.tolist() == [[0, 100]]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -0.5, 255.5])
def test_floating_point_that_no_rule_covers_is_refused(odd):
    with pytest.raises(DecodeError, match="export it with 8 or 16 bits"):
        to_grey8(Image.fromarray(np.array([[0, odd]], dtype=np.float32)))


def test_the_rotation_of_the_exif_header_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    image = Image.fromarray(np.array([[1, 2, 3]], dtype=np.uint8))
    path = saved(tmp_path, image, exif=exif)
    assert read_image(path).values.tolist() == [[1], [2], [3]]
    assert read_mask(path).values.shape == (3, 1)


@pytest.mark.parametrize("kind", ["gif", "tif", "png"])
def test_of_several_frames_the_first_is_used_with_a_note(tmp_path, kind):
    frames = [Image.new("L", (4, 4), grey) for grey in (10, 200)]
    frames[0].putpixel((0, 0), 11)
    path = tmp_path / f"a.{kind}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    decoded = read_image(path)
    assert decoded.values[1, 1] == 10
    assert decoded.notes == ("holds 2 frames: the first is used",)


def test_an_image_of_a_single_grey_level_is_noted(tmp_path):
    path = saved(tmp_path, Image.new("L", (4, 4), 9))
    assert read_image(path).notes == ("holds a single grey level, 9",)


def test_an_absent_file_says_so(tmp_path):
    assert refusal(tmp_path / "a.png") == "is not there; check the path"


def test_a_text_file_says_so(tmp_path):
    (tmp_path / "a.png").write_text("image,patient\n")
    assert refusal(tmp_path / "a.png") == "is a text file, not an image; name an image file"


def test_a_dicom_file_points_to_the_import(tmp_path):
    (tmp_path / "a.png").write_bytes(bytes(128) + b"DICM" + bytes(50))
    assert "take it in with the import command" in refusal(tmp_path / "a.png")


def test_a_file_of_an_unknown_kind_says_which_to_use(tmp_path):
    (tmp_path / "a.png").write_bytes(bytes(range(256)))
    assert refusal(tmp_path / "a.png") == "is no image of a known kind; use PNG, JPEG or TIFF"


def test_a_program_in_place_of_a_picture_is_not_run(tmp_path):
    path = saved(tmp_path, Image.new("L", (9, 9)), "a.eps")  # read by running its PostScript
    assert "not an image" in refusal(path)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.gif", "a.webp", "a.bmp", "a.jp2"])
@pytest.mark.parametrize("kept", [0.9, 0.5, 0.1])
def test_a_truncated_file_is_never_taken_for_a_picture(tmp_path, rng, name, kept):
    image = Image.fromarray(rng.integers(0, 256, (60, 60), dtype=np.uint8))
    path = saved(tmp_path, image, name)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    assert "truncated or damaged" in refusal(path) or "no image of a known" in refusal(path)


def png_header(width, height):
    """Return a PNG of any claimed size that holds no pixels."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [8_000, 12_000, 100_000])
def test_an_absurdly_large_image_is_refused_before_it_is_unpacked(tmp_path, side):
    (tmp_path / "a.png").write_bytes(png_header(side, side))
    message = refusal(tmp_path / "a.png")
    assert "the limit is 50 million pixels, so make it smaller or crop it" in message
    assert f"{side} x {side}" in message or "absurdly large" in message


def test_the_limit_is_the_largest_size_that_passes(tmp_path, monkeypatch):
    path = saved(tmp_path, Image.new("L", (10, 10)))
    monkeypatch.setattr(decode, "PIXEL_LIMIT", 100)
    assert read_image(path).values.shape == (10, 10)
    monkeypatch.setattr(decode, "PIXEL_LIMIT", 99)
    assert "has 10 x 10 pixels" in refusal(path)


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "RGB"])
def test_every_value_of_a_mask_but_0_is_inside(tmp_path, mode):
    values = np.array([[0, 1, 2, 255]], dtype=np.uint8)
    if mode == "P":
        image = Image.fromarray(values).convert("P")
        image.putpalette([255, 255, 255] + [0, 0, 0] * 255)  # colours that say the opposite
    elif mode == "1":
        image = Image.fromarray(values * 255).convert("1", dither=Image.Dither.NONE)
        values = values * 255 >= 128
    elif mode == "I;16":
        image = Image.fromarray(values.astype(np.uint16) * 256)
    else:
        image = Image.fromarray(values).convert(mode)
    expected = (np.asarray(values) > 0).astype(int).tolist()
    assert read_mask(saved(tmp_path, image)).values.tolist() == expected


def test_a_transparent_pixel_of_a_mask_is_outside(tmp_path):
    image = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    image.putpixel((1, 0), (255, 0, 0, 0))
    assert read_mask(saved(tmp_path, image)).values.tolist() == [[1, 0]]


def test_the_smeared_background_of_a_jpeg_mask_stays_outside(tmp_path):
    image = Image.new("L", (32, 32))
    image.paste(255, (5, 5, 21, 21))
    decoded = read_mask(saved(tmp_path, image, "a.jpg", quality=40))
    assert np.array_equal(decoded.values, np.asarray(image) // 255)
    assert "smears edges" in decoded.notes[0]


def test_a_mask_that_covers_everything_is_noted(tmp_path):
    path = saved(tmp_path, Image.new("L", (4, 4), 1))
    assert read_mask(path).notes == ("covers the whole image",)
