import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from testiculus.base.errors import UserError
from testiculus.base.store import Job, Store
from testiculus.experiments import encoders
from testiculus.experiments.encoders import (
    copy_encoder,
    encoders_table,
    find_encoder,
    finish_encoders,
    seconds_per_step,
    stored_encoders,
)
from testiculus.experiments.pretraining import pretrain_job
from testiculus.pretrain import PretrainSettings, write_encoder

SETTINGS = PretrainSettings(steps=4, batch_size=4, projection=(16,), precision="fp32")
CARD = {"organs": "testis 5, thyroid 7", "images": "12", "steps": "4", "lambda": "0.2", "seed": "1"}
LOSSES = {"contrastive_loss": "4.5000", "organ_loss": "not part of the loss"}


def store_encoder(runs, key, card=CARD | LOSSES, second=0):
    file = write_encoder(runs / key / "encoder.safetensors", nn.Linear(2, 2), card)
    os.utime(file, (1_700_000_000 + second,) * 2)
    (runs / key / "run.json").write_text(json.dumps({"files": {"encoder.safetensors": "-"}}))
    return file


def test_stored_encoders_are_listed_with_what_their_cards_say(tmp_path):
    store_encoder(tmp_path, "bbbb", second=9)
    store_encoder(tmp_path, "aaaa", {"organs": "liver 3"}, second=4)

    heading, first, second = encoders_table(tmp_path).splitlines()

    assert heading.split()[:3] == ["key", "organs", "images"] and heading.split()[-1] == "date"
    assert first.split() == ["aaaa", "liver", "3", *"??????", "0.0", "2023-11-14"]
    words = ["bbbb", "testis", "5,", "thyroid", "7", "12", "4", "0.2", "1", "4.5000", "-"]
    assert second.split() == [*words, "0.0", "2023-11-14"]
    assert len({len(line) for line in (heading, first, second)}) == 1  # aligned


def test_other_runs_unfinished_ones_and_damaged_encoders_are_not_listed(tmp_path):
    store_encoder(tmp_path, "whole")
    (store_encoder(tmp_path, "unfinished").parent / "run.json").unlink()
    store_encoder(tmp_path, "damaged").write_bytes(b"nothing")
    store_encoder(tmp_path, "lost").unlink()
    other = Job(SETTINGS, "d", "testiculus.base.errors", "cpu", lambda c: {"x": np.zeros(1)})
    Store(tmp_path).finish(other)
    assert [encoder.key for encoder in stored_encoders(tmp_path)] == ["whole"]


def test_an_empty_store_says_so(tmp_path):
    assert "no encoders yet" in encoders_table(tmp_path / "none")


def test_a_key_is_found_by_its_start_if_only_one_has_it(tmp_path):
    for key in ("abc1", "abc2", "xyz"):
        store_encoder(tmp_path, key)
    assert find_encoder(tmp_path, "abc1").key == "abc1" and find_encoder(tmp_path, "x").key == "xyz"
    with pytest.raises(UserError, match="(?s)'abc' fits 2 encoders.*abc1, abc2"):
        find_encoder(tmp_path, "abc")
    with pytest.raises(UserError, match="(?s)no encoder with key 'q'.*abc1, abc2, xyz"):
        find_encoder(tmp_path, "q")
    with pytest.raises(UserError, match="pretrain one first"):
        find_encoder(tmp_path / "none", "q")


def test_a_copy_is_the_same_file_and_replaces_none(tmp_path):
    store_encoder(tmp_path / "runs", "abc")
    encoder, to = find_encoder(tmp_path / "runs", "abc"), tmp_path / "weights" / "ud.safetensors"
    assert copy_encoder(encoder, to).read_bytes() == encoder.file.read_bytes()
    with pytest.raises(UserError, match="there is a file already"):
        copy_encoder(encoder, to)
    with pytest.raises(UserError, match=r"ends in \.safetensors"):
        copy_encoder(encoder, tmp_path / "ud.pth")


def real_job(seed):
    pixels = torch.arange(10 * 16 * 16).view(10, 1, 16, 16).to(torch.uint8)
    settings = replace(SETTINGS, seed=seed)
    return pretrain_job(pixels, np.arange(10) % 2, ("a", "b"), settings, torch.device("cpu"))


class Bar:
    """What a bar was told."""

    def __init__(self, total=None, **_):
        self.total, self.n, self.texts = total, 0, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def update(self, n):
        self.n += n

    def set_postfix_str(self, text, refresh):
        self.texts.append(text)


def test_the_bar_counts_all_steps_and_shows_losses_and_learning_rate(tmp_path, monkeypatch):
    bars = []
    monkeypatch.setattr(encoders, "progress", lambda **more: bars.append(Bar(**more)) or bars[-1])
    store, jobs = Store(tmp_path), [real_job(0), real_job(1)]

    runs = finish_encoders(store, jobs)
    again = finish_encoders(store, jobs)

    assert [run.key for run in runs] == [run.key for run in again] == [job.key for job in jobs]
    assert [run.reused for run in runs + again] == [False, False, True, True]
    assert [(bar.n, bar.total, len(bar.texts)) for bar in bars] == [(8, 8, 8), (8, 8, 0)]
    last = runs[1].arrays
    losses = f"contrastive {last['contrastive'][-1]:.3f}, organ {last['organ'][-1]:.3f}"
    assert bars[0].texts[-1] == f"run 2/2, {losses}, rate {last['learning_rate'][-1]:.1e}"


def test_a_step_is_timed_without_leaving_anything(tmp_path):
    assert 0 < seconds_per_step(real_job(0), steps=1) < 60
