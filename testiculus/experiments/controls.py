"""Negative controls for every table: what its figures are where there is nothing to be found.

`plan` turns a notebook's parameters into a `ControlsPlan`, `run` turns that into a
`ControlsOutcome`, and `ControlsOutcome.write` puts it where the results contract says. No source
has such controls: labels that mean nothing, pretraining on noise, and the images of a generator
that has learnt nothing. Those of Fig. 5 are in its own experiment.
"""

import time
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch

from testiculus.base.files import write_csv, write_json
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.claims.controls import judge_controls
from testiculus.claims.controls_evidence import Evidence
from testiculus.claims.controls_frame import controls_frame
from testiculus.claims.schema import RESULT_COLUMNS, Conditions
from testiculus.data.images import ImageSet
from testiculus.experiments.controls_beside import results_beside
from testiculus.experiments.controls_parts import (
    Part,
    encoder_part,
    noise_part,
    table1_part,
    untrained_part,
)
from testiculus.experiments.controls_plan import EXPERIMENT, ControlsPlan
from testiculus.experiments.controls_plan import plan as plan
from testiculus.experiments.cost import cost
from testiculus.experiments.flags import computed_flags
from testiculus.experiments.noise_images import noise_like
from testiculus.experiments.table1 import SHARED_SETTINGS

__all__ = ["ControlsOutcome", "ControlsPlan", "plan", "run"]

FRAMES = ("results", "verdicts", "controls", "figures", "predictions")
SHOWN = 6  # pictures of each kind


@dataclass(frozen=True, eq=False)
class ControlsOutcome:
    """All that the page is made of.

    `results` is tidy (experiment, row, seed, fold, metric, value); `controls` and `figures` are
    described in `claims.controls_schema`; `predictions` has one line per scored image of Table 1's
    control. `facts` says what the rule flagged among labels that mean nothing; `missing` which
    tables' results could not be put beside, and why; `drawn` are some of the untrained generator's
    images.
    """

    plan: ControlsPlan
    results: pd.DataFrame
    verdicts: pd.DataFrame
    controls: pd.DataFrame
    figures: pd.DataFrame
    predictions: pd.DataFrame
    facts: dict[str, object]
    missing: dict[str, str]
    cost: dict[str, float]
    drawn: torch.Tensor = field(repr=False)

    @property
    def images(self) -> ImageSet:
        """The labelled images at Table 1's resolution."""
        return self.plan.images

    @property
    def conditions(self) -> Conditions:
        """What the verdicts were reached on."""
        return self.plan.conditions

    def pictures(self, number: int = SHOWN) -> dict[str, torch.Tensor]:
        """Return some pictures of each kind by what they are, uint8 (number, 1, h, w)."""
        return {
            "UD": self.plan.table2.unlabelled.pixels[:number],
            "noise images": noise_like(self.plan.table2.unlabelled)[:number],
            "drawn by an untrained generator": self.drawn[:number],
        }

    def write(self, results: str | Path) -> Path | None:
        """Write the tables under `results`/<data>/<profile>/controls and return that folder.

        An empty `results` writes nothing: that is what a notebook run by hand does.
        """
        if not str(results):
            return None
        folder = Path(results) / self.images.name / self.plan.profile / EXPERIMENT
        for name in FRAMES:
            write_csv(folder / f"{name}.csv", getattr(self, name))
        write_json(folder / "provenance.json", self.about())
        return folder

    def about(self) -> dict:
        """Return settings, data and cost as plain values, for provenance; see Table 1's."""
        told = self.images.settings
        return {
            "settings": self.plan.settings(),
            "not_run": self.plan.not_run,
            "facts": self.facts,
            "not_beside": self.missing,
            "data": self.images.name,
            "data_fingerprint": self.images.fingerprint,
            "data_settings": {name: told[name] for name in SHARED_SETTINGS if name in told},
            "unlabelled": self.plan.table2.unlabelled_counts(),
            "unlabelled_sets": self.plan.table2.unlabelled.sources,
            "cost": self.cost,
        }


def run(planned: ControlsPlan, executor: Executor | None = None) -> ControlsOutcome:
    """Train, draw, probe and judge; finished runs are taken from the store."""
    start, store = time.perf_counter(), Store(runs_folder())
    flags, flagging = planned.table2.flags, []
    if flags is None:
        flags, flagging = computed_flags(store, planned.table2.noise, executor)
    flipped = planned.table2.learnt_labels(flags)["flipped"]
    two, three = planned.table2, planned.table3
    parts = [
        table1_part(planned, store, executor),
        noise_part(planned, flipped, store, executor),
        encoder_part("table2", two, planned.ultrasound, flipped, store),
        untrained_part(planned, flipped, store, executor),
        encoder_part("table3", three, planned.both_organs, flipped, store),
    ]
    runs = [*flagging, *(done for part in parts for done in part.runs)]
    return _outcome(planned, parts, cost(runs, time.perf_counter() - start))


def _outcome(planned: ControlsPlan, parts: list[Part], price: dict[str, float]) -> ControlsOutcome:
    """Return the outcome: what the parts left, judged, with the tables' own results beside it."""
    results = pd.concat([part.results for part in parts], ignore_index=True)
    permuted, drawn = parts[0], parts[3]
    beside, missing = results_beside(planned.images.name, planned.profile, planned.fingerprints)
    evidence = Evidence(results, permuted.predictions, drawn.figures, beside, missing)
    verdicts = judge_controls(evidence, planned.conditions)
    return ControlsOutcome(
        plan=planned,
        results=results[list(RESULT_COLUMNS)],
        verdicts=verdicts,
        controls=controls_frame(evidence, verdicts, planned.conditions, tuple(planned.twins)),
        figures=drawn.figures,
        predictions=permuted.predictions,
        facts=permuted.facts,
        missing=missing,
        cost=price,
        drawn=drawn.sifted.generated.pixels[:SHOWN],
    )
