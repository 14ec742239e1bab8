"""Training a generator and drawing its images with a bar to watch.

Main functions: `train_watched` counts steps and shows both losses, `draw_watched` counts images.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from testiculus.base.progress import progress
from testiculus.base.store import Job, Run, Store


def train_watched(store: Store, job: Job, desc: str) -> Run:
    """Train (or find) a generator of `generator_job`; return its run.

    The bar counts steps and shows L_simple, the variational bound and the time left.
    """
    with progress(total=job.settings.steps, desc=desc, unit="step") as bar:
        move = mover(bar)

        def show(step: int, steps: int, simple: float, vlb: float) -> None:
            losses = f"simple {simple:.4f}, bound {vlb:.3f} bits/dim"
            bar.set_postfix_str(losses, refresh=False)
            move(step)

        run = store.finish(replace(job, compute=partial(job.compute, on_step=show)))
        bar.update(job.settings.steps - bar.n)
    return run


def draw_watched(store: Store, job: Job, desc: str) -> Run:
    """Draw (or find) the images of `samples_job`; return their run. The bar counts images."""
    with progress(total=job.settings.images, desc=desc, unit="image") as bar:
        move = mover(bar)

        def show(done: int, images: int) -> None:
            move(done)

        run = store.finish(replace(job, compute=partial(job.compute, on_images=show)))
        bar.update(job.settings.images - bar.n)
    return run


def mover(bar) -> Callable[[int], None]:
    """Return what moves a bar to a place; one that starts further on was begun before a kill.

    What was done then took no time now, and must not shorten the time left.
    """
    started = False

    def move(done: int) -> None:
        nonlocal started
        if not started and done > 1:
            bar.initial = bar.n = bar.last_print_n = done
        started = True
        bar.update(done - bar.n)

    return move
