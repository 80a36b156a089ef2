import pytest
import torch

from tasks.release.adapter import Factors
from tasks.release.product_svd import product_svd


def test_by_hand() -> None:
    # B A = [[0, 6], [0, 0], [-4, 0]]: it writes 6 to the first row and 4 to the last.
    factors = Factors(torch.tensor([[0.0, 2], [4, 0]]), torch.tensor([[3.0, 0], [0, 0], [0, -1]]))
    U, S, V = product_svd(factors)
    assert S.tolist() == pytest.approx([6, 4])
    torch.testing.assert_close(U.abs(), torch.tensor([[1.0, 0], [0, 0], [0, 1]]).double())
    torch.testing.assert_close(V.abs(), torch.tensor([[0.0, 1], [1, 0]]).double())


@pytest.mark.parametrize(("tall", "rank", "wide"), [(12, 3, 8), (3, 5, 8), (12, 5, 2), (4, 4, 4), (6, 1, 5)])
def test_it_is_the_decomposition_of_the_product(tall: int, rank: int, wide: int) -> None:
    generator = torch.Generator().manual_seed(0)
    A, B = torch.randn(rank, wide, generator=generator), torch.randn(tall, rank, generator=generator)
    U, S, V = product_svd(Factors(A, B))
    k = min(tall, rank, wide)
    assert (U.shape, S.shape, V.shape) == ((tall, k), (k,), (wide, k))
    assert U.dtype == S.dtype == V.dtype == torch.float64
    for basis in (U, V):
        torch.testing.assert_close(basis.T @ basis, torch.eye(k).double())
    torch.testing.assert_close(U * S @ V.T, B.double() @ A.double())


def test_small_singular_values_keep_their_digits() -> None:
    """1e-10 beside 1: through Gram matrices, in which it is 1e-20, it would be lost."""
    A, B = torch.eye(2, 4, dtype=torch.float64), torch.eye(4, 2, dtype=torch.float64)
    B[1, 1] = 1e-10
    rotation, _ = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    assert product_svd(Factors(A, rotation @ B)).S.tolist() == pytest.approx([1, 1e-10], rel=1e-5)
