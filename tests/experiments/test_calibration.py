import torch

from testiculus.experiments.calibration import F1_RANGE, calibration
from testiculus.experiments.profiles import profile_settings
from testiculus.experiments.sources import load_source


def test_demo_was_calibrated_on_true_labels_and_is_neither_hopeless_nor_solved():
    kept = calibration("demo")
    assert kept["runs"] == 12
    assert F1_RANGE[0] <= kept["f1_mean"] <= F1_RANGE[1]


def test_the_calibration_was_measured_with_todays_demo_settings():
    kept, demo = calibration("demo")["settings"], profile_settings("demo", "table1")
    for name in ("patients", "pixels", "epochs"):
        assert kept[name] == demo[name]
    rates = f"encoder {demo['encoder_lr']:g}, head {demo['head_lr']:g}"
    assert kept["learning rates"] == rates


def test_the_calibration_was_measured_on_todays_phantom():
    demo = profile_settings("demo", "table1")
    cpu = torch.device("cpu")
    images = load_source("phantom", pixels=demo["pixels"], patients=demo["patients"], device=cpu)
    assert images.fingerprint == calibration("demo")["data_fingerprint"]
