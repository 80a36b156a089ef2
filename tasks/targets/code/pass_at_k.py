"""Unbiased pass@k. Chen et al. 2021, arXiv:2107.03374, section 2.1."""

import math


def pass_at_k(*, num_samples: int, num_passed: int, k: int) -> float:
    """Chance that at least one of k samples passes, estimated from n samples of which c pass.

    ``1 - C(n - c, k) / C(n, k) = 1 - prod_{i = n-c+1}^{n} (1 - k / i)``; the product does not overflow.

    Args:
        num_samples: n.
        num_passed: c, of the n.
        k: From 1 to n.
    """
    assert 0 <= num_passed <= num_samples
    assert 1 <= k <= num_samples
    if num_samples - num_passed < k:
        return 1.0
    failing = range(num_samples - num_passed + 1, num_samples + 1)
    return 1.0 - math.prod(1.0 - k / i for i in failing)
