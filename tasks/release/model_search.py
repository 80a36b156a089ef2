"""Merge weights by a model of what they do: two Gaussian processes over (a, b), constrained expected improvement.

Gardner et al., "Bayesian Optimization with Inequality Constraints", ICML 2014: the next candidate has the largest
E[max(f - f_best, 0)] * P(damage <= limit), f the forgetting; while nothing is within the limit, the largest
probability.
"""

import warnings
from collections.abc import Sequence
from itertools import product

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, WhiteKernel

from tasks.release.candidates import Weights
from tasks.release.choice import Search

_LEAST_DAMAGE = 1e-4
"""Nats; damage is modelled by its logarithm, which is smooth where damage itself explodes."""


def search_model(
    search: Search, forget_places: Sequence[float], retain_places: Sequence[float], *, evaluations: int = 10
) -> Weights:
    """The best of few candidates of a grid, each chosen by what the ones before have shown.

    Args:
        search: What is read is kept there; each evaluation reads the whole probe.
        forget_places: Grid of a, rising; a single value fixes it.
        retain_places: Grid of b, rising; a single value fixes it.
        evaluations: Candidates read, at most; the first ones are the middle and the ends of the grid.
    """
    grid = [Weights(a, b) for a, b in product(forget_places, retain_places)]
    search.read(_first(forget_places, retain_places))
    while len(search.outcomes) < min(evaluations, len(grid)):
        left = [weights for weights in grid if weights not in search.outcomes]
        search.read([left[int(np.argmax(_acquisition(search, left)))]])
    return search.best()[0]


def _first(forget_places: Sequence[float], retain_places: Sequence[float]) -> list[Weights]:
    """The middle of the grid and the middles of its sides: for a single line its middle and its two ends."""

    def marks(places: Sequence[float]) -> tuple[float, float, float]:
        return places[0], places[len(places) // 2], places[-1]

    (low_a, a, high_a), (low_b, b, high_b) = marks(forget_places), marks(retain_places)
    crossed = (Weights(a, b), Weights(low_a, b), Weights(high_a, b), Weights(a, low_b), Weights(a, high_b))
    return list(dict.fromkeys(crossed))


def _acquisition(search: Search, candidates: Sequence[Weights]) -> np.ndarray:
    """Constrained expected improvement of each candidate, shape `(candidates,)`."""
    from scipy.stats import norm

    read = list(search.outcomes)
    x, at = np.array(read), np.array(candidates)
    outcomes = [search.outcomes[weights] for weights in read]
    damage = np.log([max(outcome.damage, _LEAST_DAMAGE) for outcome in outcomes])
    mean, deviation = _predict(x, damage, at)
    is_within = norm.cdf((np.log(max(search.limit, _LEAST_DAMAGE)) - mean) / deviation)
    feasible = [outcome.forgetting for outcome in outcomes if outcome.damage <= search.limit]
    if not feasible:
        return is_within
    mean, deviation = _predict(x, np.array([outcome.forgetting for outcome in outcomes]), at)
    gain = (mean - max(feasible)) / deviation
    return is_within * deviation * (gain * norm.cdf(gain) + norm.pdf(gain))


def _predict(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean and standard deviation of a Gaussian process at some points; `x` `(n, 2)`, `y` `(n,)`."""
    span = np.ptp(x, axis=0)
    scale = np.where(span > 0, span, 1.0)
    kernel = Matern([0.5, 0.5], [(0.05, 10.0)] * 2, nu=2.5) + WhiteKernel(1e-4, (1e-8, 1e-1))
    process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    with warnings.catch_warnings():
        # A direction that does not vary leaves its length scale at a bound.
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(x / scale, y)
    mean, deviation = process.predict(at / scale, return_std=True)
    return mean, np.maximum(deviation, 1e-9)
