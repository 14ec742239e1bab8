import importlib.util
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from testiculus.claims import Conditions, circularity, judge_table1


def load_fake(name="fake"):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made_up(conditions, **options):
    """A made-up Table 1 with its verdicts and gains, as a notebook would have it."""
    results, predictions, flags, records = load_fake().fake_table1(patients=60, seeds=2, **options)
    return SimpleNamespace(
        conditions=conditions,
        results=results,
        flags=flags,
        records=records,
        verdicts=judge_table1(results, predictions, flags, conditions, draws=30),
        gains=circularity(results, conditions),
    )


@pytest.fixture(scope="session")
def run():
    remedy = "put weights/resnet18_imagenet.safetensors in place"
    not_run = {"imagenet": remedy, "uscl": "put weights/uscl.pth in place"}
    return made_up(Conditions("phantom", "demo", "scratch-A", not_run=not_run))


@pytest.fixture(scope="session")
def run_without_truth():
    return made_up(Conditions("liver", "demo", "imagenet"), truth=False)


@pytest.fixture(scope="session")
def smoke_run():
    return made_up(Conditions("phantom", "smoke", "scratch-A"))


ORGANS = {"phantom": ("testis", ("thyroid",)), "liver": ("liver", ("lung", "nerve"))}


@pytest.fixture(scope="session")
def fakes():
    """A function that makes up an outcome of Table 2 or 4, each once."""
    made, module = {}, load_fake("fake_pretraining")

    def make(experiment, data="phantom", profile="demo", **options):
        key = (experiment, data, profile, *options.items())
        if key not in made:
            organ, others = ORGANS[data]
            remedy = "put weights/resnet18_imagenet.safetensors in place"
            not_run = {"ImageNet": remedy, "USCL": "put weights/uscl.pth in place"}
            conditions = Conditions(
                data, profile, not_run=not_run, organ=organ, other_organs=others
            )
            made[key] = module.fake_table(experiment, conditions, **options)
        return made[key]

    return make


def generation_conditions(data, profile):
    organ, others = ORGANS[data]
    not_run = {"Inception": "put weights/inception_fid.pth in place"}
    return Conditions(data, profile, not_run=not_run, organ=organ, other_organs=others)


@pytest.fixture(scope="session")
def generations():
    """A function that makes up an outcome of Fig. 4, each once."""
    made, module = {}, load_fake("fake_generation")

    def make(data="phantom", profile="demo", spaces=("other-organs", "ud")):
        key = (data, profile, spaces)
        if key not in made:
            made[key] = module.fake_fig4(generation_conditions(data, profile), spaces)
        return made[key]

    make.module = module
    return make


@pytest.fixture(scope="session")
def table3s():
    """A function that makes up an outcome of Table 3, each once."""
    made, module = {}, load_fake("fake_generation")
    results = load_fake("fake_pretraining").fake_results

    def make(data="phantom"):
        if data not in made:
            remedy = {"ImageNet": "put weights/resnet18_imagenet.safetensors in place"}
            conditions = replace(generation_conditions(data, "demo"), not_run=remedy)
            made[data] = module.fake_table3(conditions, results)
        return made[data]

    return make


@pytest.fixture(scope="session")
def attentions():
    """A function that makes up an outcome of Fig. 5, each once; the liver's has no masks."""
    made, module = {}, load_fake("fake_attention")
    strengths = {"demo": (0.0, 0.5, 1.0), "smoke": (0.0,)}

    def make(data="phantom", profile="demo"):
        if (data, profile) not in made:
            not_run = {"ImageNet": "put weights/resnet18_imagenet.safetensors in place"}
            conditions = Conditions(data, profile, "scratch-A", not_run=not_run)
            known = data == "phantom"
            options = {"masks": known, "truth": known, "strengths": strengths[profile]}
            made[data, profile] = module.fake_fig5(conditions, **options)
        return made[data, profile]

    make.module = module
    return make
