"""Fig. 5: do markers mislead the models, and does marker augmentation cure it?

`plan` turns a notebook's parameters into a `Fig5Plan`, `run` turns that into a `Fig5Outcome`, and
`Fig5Outcome.write` puts it where the results contract says (article, section 5 and Fig. 5; thesis,
section 6.4 and Fig. 6.1).
"""

import time
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from testiculus.base.files import write_csv, write_json
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.claims import Conditions
from testiculus.claims.attention import ALL_KINDS, judge_fig5, model_row
from testiculus.claims.attention_evidence import Evidence
from testiculus.claims.attention_intervals import (
    controls_frame,
    difference_frame,
    summary_frame,
)
from testiculus.data.images import ImageSet
from testiculus.experiments.cost import cost
from testiculus.experiments.crossval import finish_rows
from testiculus.experiments.fig5_examples import Example, examples
from testiculus.experiments.fig5_maps import measure
from testiculus.experiments.fig5_plan import EXPERIMENT, Fig5Plan
from testiculus.experiments.fig5_plan import plan as plan
from testiculus.experiments.fig5_results import result_frame, written_measures
from testiculus.experiments.table1 import SHARED_SETTINGS

__all__ = ["Fig5Outcome", "Fig5Plan", "plan", "run"]

FRAMES = ("results", "verdicts", "summary", "differences", "controls")


@dataclass(frozen=True, eq=False)
class Fig5Outcome:
    """All that the page of Fig. 5 is made of.

    `results` is tidy (experiment, row, seed, fold, metric, value); `measures` has one line per
    model, test image, condition and layer; `summary`, `differences` and `controls` are their means
    with intervals over patients (`claims.attention_intervals`); `examples` the images that the
    figure shows.
    """

    plan: Fig5Plan
    results: pd.DataFrame
    verdicts: pd.DataFrame
    measures: pd.DataFrame
    summary: pd.DataFrame
    differences: pd.DataFrame
    controls: pd.DataFrame
    examples: list[Example]
    cost: dict[str, float]

    @property
    def images(self) -> ImageSet:
        """The labelled images that models were trained and tested on."""
        return self.plan.images

    @property
    def conditions(self) -> Conditions:
        """What the verdicts were reached on."""
        return self.plan.conditions

    def write(self, results: str | Path) -> Path | None:
        """Write the tables under `results`/<data>/<profile>/fig5 and return that folder.

        Of the measures only those that the two-by-two table is made of: strength 0, the images as
        they are and with all kinds of markers, the layer that decides. An empty `results` writes
        nothing: that is what a notebook run by hand does.
        """
        if not str(results):
            return None
        folder = Path(results) / self.images.name / self.plan.profile / EXPERIMENT
        for name in FRAMES:
            write_csv(folder / f"{name}.csv", getattr(self, name))
        write_csv(folder / "measures.csv", written_measures(self.measures, self.plan.layer))
        write_json(folder / "provenance.json", self.about())
        return folder

    def about(self) -> dict:
        """Return settings, data and cost as plain values, for provenance; see Table 1's."""
        told = self.images.settings
        return {
            "settings": self.plan.settings(),
            "not_run": self.plan.not_run,
            "not_measured": self.plan.not_measured,
            "examples": [example.image for example in self.examples],
            "data": self.images.name,
            "data_fingerprint": self.images.fingerprint,
            "data_settings": {name: told[name] for name in SHARED_SETTINGS if name in told},
            "cost": self.cost,
        }


def run(planned: Fig5Plan, executor: Executor | None = None) -> Fig5Outcome:
    """Train the models, map all their test images, measure, judge; what is stored is reused."""
    start, store = time.perf_counter(), Store(runs_folder())
    trained = [
        done
        for (row, strength), jobs in planned.jobs.items()
        for done in finish_rows(store, jobs, model_row(row, strength), executor)
    ]
    measured = measure(planned, trained, store, executor)
    measures = measured.measures
    results = result_frame(measures, planned.layer, EXPERIMENT)
    evidence = Evidence.of(measures)
    return Fig5Outcome(
        plan=planned,
        results=results,
        verdicts=judge_fig5(evidence, results, planned.conditions, layer=planned.layer),
        measures=measures,
        summary=summary_frame(evidence),
        differences=difference_frame(evidence),
        controls=controls_frame(evidence, planned.layer),
        examples=examples(
            measures,
            planned.images,
            planned.inserted[ALL_KINDS],
            measured.models,
            planned.layer,
        ),
        cost=cost(trained, time.perf_counter() - start) | measured.cost,
    )
