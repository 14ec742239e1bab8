from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from testiculus.base.errors import UserError
from testiculus.base.store import Store
from testiculus.experiments.row_encoders import (
    alone,
    encoder_frame,
    finish_pretrainings,
    history_frame,
    on_procedural,
    on_ultrasound,
)
from testiculus.pretrain import PretrainSettings

CPU = torch.device("cpu")
SETTINGS = PretrainSettings(steps=2, batch_size=8, precision="fp32")


@pytest.fixture
def ud(monkeypatch, tmp_path, fakes):
    fakes.use(monkeypatch, tmp_path / "runs")
    return fakes.made_up()[1]


def everything(ud):
    return np.ones(len(ud), dtype=bool)


def test_one_process_and_an_executor_give_the_same_encoder_and_history(ud, tmp_path):
    planned = [on_ultrasound("UD", ud, everything(ud), SETTINGS, CPU)]
    alone_ = finish_pretrainings(Store(tmp_path / "a"), planned)
    with ThreadPoolExecutor(1) as pool:
        pooled = finish_pretrainings(Store(tmp_path / "b"), planned, pool)
    assert history_frame(alone_).equals(history_frame(pooled))
    assert alone_[0].run.key == pooled[0].run.key and pooled[0].file.is_file()


def test_looking_a_run_up_keeps_no_pictures_and_computes_nothing(ud, tmp_path):
    planned = on_ultrasound("UD", ud, everything(ud), SETTINGS, CPU)
    assert planned.wanted.key == planned.job().key
    assert planned.stored(Store(tmp_path)) is None
    with pytest.raises(RuntimeError, match="looking up"):
        Store(tmp_path).finish(planned.wanted)


def test_the_row_is_no_part_of_the_key_and_seed_loss_and_images_are(ud):
    first = on_ultrasound("UD", ud, everything(ud), SETTINGS, CPU).wanted.key
    assert on_ultrasound("lambda 0.2", ud, everything(ud), SETTINGS, CPU).wanted.key == first
    others = [
        on_ultrasound("UD", ud, everything(ud), replace(SETTINGS, seed=1), CPU),
        on_ultrasound("UD", ud, everything(ud), alone(SETTINGS), CPU),
        on_ultrasound("UD", ud, np.arange(len(ud)) > 0, SETTINGS, CPU),
    ]
    assert len({first, *(planned.wanted.key for planned in others)}) == 4


def test_the_control_learns_from_pictures_that_are_no_ultrasound_by_the_contrastive_part():
    planned = on_procedural("procedural images", 10, 16, SETTINGS, CPU)
    pixels, organs = planned.pictures()
    assert pixels.shape == (10, 1, 16, 16) and set(organs) == {0}
    assert planned.settings.organ_weight == 0 and planned.settings.contrastive


def test_a_batch_larger_than_a_rows_images_is_refused_by_its_name(ud):
    with pytest.raises(UserError, match="8 is larger than the 5 images of the row 'few'"):
        on_ultrasound("few", ud, np.arange(len(ud)) < 5, SETTINGS, CPU)


def test_encoders_outside_the_project_are_named_without_the_machines_folders(ud, tmp_path):
    done = finish_pretrainings(
        Store(tmp_path), [on_ultrasound("UD", ud, everything(ud), SETTINGS, CPU)]
    )
    line = encoder_frame(done).iloc[0]
    assert line["file"] == f"{line['key']}/encoder.safetensors"
    assert (line["organs"], line["images"]) == ("testis, thyroid", 44)
