"""The settings that each method is tried with: as many for one as for another, chosen before anything is measured.

The first trial is the middle of all ranges; the others fill them evenly (a Sobol sequence), the same in every run.
"""

from torch.quasirandom import SobolEngine

from tasks.baselines.method import Knob, Method
from tasks.store.seeds import derive_seed


def trial_knobs(method: Method, number: int) -> dict[str, float]:
    """Settings of a trial, by name, each within its range.

    Args:
        method: With its ranges.
        number: Of the trial, from 1; more trials do not change the earlier ones.
    """
    middle = [0.5] * len(method.knobs)
    sobol = SobolEngine(len(method.knobs), scramble=True, seed=derive_seed(0, "trials", method.name) % 2**31)
    shares = middle if number == 1 else sobol.draw(number - 1)[-1].tolist()
    return {knob.name: _value(knob, share) for knob, share in zip(method.knobs, shares, strict=True)}


def _value(knob: Knob, share: float) -> float:
    """The value at a share of the range, to three digits: nobody would choose more, and people read it."""
    if knob.scale == "log":
        value = knob.low * (knob.high / knob.low) ** share
    else:
        value = knob.low + (knob.high - knob.low) * share
    return float(round(value)) if knob.whole else float(f"{value:.3g}")
