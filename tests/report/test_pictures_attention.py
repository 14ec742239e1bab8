import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testiculus.base.errors import UserError
from testiculus.claims.attention import ALL_KINDS, UNMARKED, WITH, WITHOUT
from testiculus.claims.schema import Conditions
from testiculus.report import fig5_picture
from testiculus.report.pictures_attention import COLOURS, STRONGEST, overlaid
from testiculus.report.style import WIDTH

CONDITIONS = Conditions("phantom", "demo")


@pytest.fixture(scope="module")
def examples(attentions):
    return attentions.module.fake_examples()


def words(figure):
    return [text.get_text() for text in figure.texts]


def pictures(figure):
    """The axes that show an example, and not the key."""
    shown = [axis for axis in figure.axes if axis.images]
    return [axis for axis in shown if axis.images[0].get_array().shape[1] > 1]


def test_it_names_data_and_profile_has_book_width_and_is_closed(examples):
    figure = fig5_picture(examples, CONDITIONS)

    assert figure.get_supxlabel().startswith("phantom, profile demo")
    assert "by a rule" in " ".join(figure.get_supxlabel().split())
    assert figure.get_figwidth() == WIDTH and not matplotlib.pyplot.get_fignums()


def test_models_stand_as_in_the_article_and_markers_in_the_second_row(examples):
    figure = fig5_picture(examples)
    axes = pictures(figure)

    assert words(figure)[:3] == [examples[0].class_name, f"trained {WITH}", f"trained {WITHOUT}"]
    assert len(axes) == 2 * 2 * 3
    shown = [np.asarray(axis.images[0].get_array()) for axis in axes]
    cells = [(c, row) for c in (UNMARKED, ALL_KINDS) for row in (None, WITH, WITHOUT)]
    for i, example in enumerate(examples):
        for j, (condition, row) in enumerate(cells):
            picture = example.pictures[condition]
            expected = picture if row is None else overlaid(picture, example.maps[row, condition])
            assert np.allclose(shown[6 * i + j], expected)


def test_no_words_run_into_others_or_over_the_page(examples):
    figure = fig5_picture(examples, CONDITIONS)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.texts]

    for i, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_words_below_a_map_give_its_probability_and_where_its_energy_lies(examples):
    example = examples[0]
    found, total = {"tissue": 0.0, "markers": 0.0}, 0.0
    energy = example.maps[WITHOUT, ALL_KINDS]
    for y, x in np.ndindex(energy.shape):
        total += energy[y, x]
        found["tissue"] += energy[y, x] * bool(example.parenchyma[y, x])
        found["markers"] += energy[y, x] * bool(example.markers[y, x])

    told = words(fig5_picture(examples))
    shares = ", ".join(f"{name} {100 * part / total:.0f} %" for name, part in found.items())
    assert f"p 0.83, {shares}" in told
    assert not any("markers" in text for text in told if text.startswith("p 0.31"))


def test_markers_are_outlined_on_marked_maps_alone(examples):
    axes = pictures(fig5_picture(examples[:1]))
    outlines = [len(axis.collections) for axis in axes]

    assert outlines == [0, 1, 1, 0, 2, 2]


def test_without_a_mask_of_the_tissue_nothing_is_said_of_it(attentions):
    example = attentions.module.fake_examples(masks=False, number=1)
    figure = fig5_picture(example)

    assert not any("tissue" in text or text == "parenchyma" for text in words(figure))
    assert "tissue" not in figure.get_supxlabel()
    assert "inserted markers" in words(figure)


def test_an_empty_map_shows_the_image_and_is_called_empty(attentions):
    (example,) = attentions.module.fake_examples(number=1)
    example.maps[WITHOUT, UNMARKED] = np.zeros_like(example.maps[WITHOUT, UNMARKED])
    figure = fig5_picture([example])

    assert "p 0.31, empty map" in words(figure)
    shown = np.asarray(pictures(figure)[2].images[0].get_array())
    assert np.allclose(shown, example.pictures[UNMARKED][..., None] / 255)


def test_without_an_example_there_is_one_clear_message():
    with pytest.raises(UserError, match="no example"):
        fig5_picture([])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_map_is_the_more_opaque_the_larger_it_is(seed):
    generator = np.random.default_rng(seed)
    picture = generator.integers(0, 256, (3, 4), dtype=np.uint8)
    found = generator.random((3, 4)) * generator.uniform(0.1, 9)

    expected = np.empty((3, 4, 3))
    for y, x in np.ndindex(picture.shape):
        share = found[y, x] / found.max()
        colour = np.array(matplotlib.colormaps[COLOURS](share)[:3])
        opacity = STRONGEST * share
        expected[y, x] = (1 - opacity) * picture[y, x] / 255 + opacity * colour
    assert np.allclose(overlaid(picture, found), expected)
