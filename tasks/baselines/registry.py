"""All methods that are tried with several settings, by name."""

from tasks.baselines.ext_sub import EXT_SUB
from tasks.baselines.grad_diff import GRAD_DIFF
from tasks.baselines.gradient_ascent import GRADIENT_ASCENT
from tasks.baselines.kl_retain import KL_RETAIN
from tasks.baselines.negation import NEGATION
from tasks.baselines.npo import NPO
from tasks.baselines.rmu import RMU
from tasks.baselines.salun import SALUN
from tasks.baselines.simnpo import SIMNPO

METHODS = {
    method.name: method
    for method in (GRADIENT_ASCENT, GRAD_DIFF, KL_RETAIN, NPO, SIMNPO, RMU, SALUN, NEGATION, EXT_SUB)
}
