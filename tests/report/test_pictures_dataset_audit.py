import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.data.images import ImageSet
from testiculus.report.pictures_dataset_audit import MOST, duplicate_pairs


def images(number=6):
    pixels = torch.arange(number, dtype=torch.uint8).view(-1, 1, 1, 1) * 40 + 1
    frame = pd.DataFrame({"image": [f"images/{i}.png" for i in range(number)]})
    frame = frame.assign(patient=frame["image"], organ="testis")
    return ImageSet.build(pixels.repeat(1, 1, 8, 8), frame, "ward")


def pairs(*chosen):
    rows = [
        {
            "first": f"images/{a}.png",
            "second": f"images/{b}.png",
            "likeness": 0.9,
            "same_patient": s,
        }
        for a, b, s in chosen
    ]
    return pd.DataFrame(rows)


def test_the_two_images_of_a_pair_stand_side_by_side():
    figure = duplicate_pairs(images(), pairs((0, 5, False), (3, 2, True)))

    shown = [int(np.asarray(axis.images[0].get_array())[0, 0]) for axis in figure.axes]
    assert shown == [1, 201, 121, 81]
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles[0] == "0.png\nlikeness 0.90" and titles[1] == "5.png\ntwo patients"
    assert titles[3] == "2.png\none patient"


def test_only_the_first_pairs_are_drawn_and_none_is_an_error():
    assert len(duplicate_pairs(images(), pairs(*[(0, 1, False)] * (MOST + 4))).axes) == 2 * MOST
    with pytest.raises(ValueError, match="no pair"):
        duplicate_pairs(images(), pairs())
