"""How much the two updates of a step interfere: near 0 is well, a rising cosine announces collapse."""

import math

from tasks.release.adapter import Adapter, Factors


def update_cosines(forget: Adapter, retain: Adapter) -> dict[str, float]:
    """Frobenius cosine of the two updates for each layer they share, and over all of these under the key `overall`.

    `<B_F A_F, B_R A_R> = tr((B_F^T B_R)(A_R A_F^T))`, and the norms likewise: from `r x r` products only, in float64;
    no `(out, in)` matrix is formed. The scales cancel. 0 where an update is zero (ours).
    """
    products = {}
    for name in sorted(forget.factors.keys() & retain.factors.keys()):
        f, r = forget.factors[name], retain.factors[name]
        products[name] = (_inner(f, r), _inner(f, f), _inner(r, r))
    totals = [math.fsum(column) for column in zip(*products.values(), strict=True)]
    return {"overall": _cosine(*totals)} | {name: _cosine(*triple) for name, triple in products.items()}


def _inner(left: Factors, right: Factors) -> float:
    """Frobenius inner product of two products `B A`."""
    return float(((left.B.double().T @ right.B.double()) * (left.A.double() @ right.A.double().T)).sum())


def _cosine(inner: float, left_square: float, right_square: float) -> float:
    norms = math.sqrt(left_square * right_square)
    return inner / norms if norms > 0 else 0.0
