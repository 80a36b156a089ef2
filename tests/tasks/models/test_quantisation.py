import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.language_model import load_language_model
from tasks.models.layers import linear_layers
from tasks.models.quantisation import SCHEMES, Scheme, codes_and_steps, quantised, rounded

INT4_PAIRS = Scheme(4, group=2)


def test_codes_by_hand():
    weight = torch.tensor([[7.0, -3.4, 0.0, 0.0, 1.0], [1.4, 0.3, -14.0, 6.9, 0.0]])
    codes, steps = codes_and_steps(weight, INT4_PAIRS)
    # Steps: 7/7, none, 1/7; 1.4/7, 14/7, none. The last group has one column.
    assert codes.tolist() == [[7, -3, 0, 0, 7], [7, 2, -7, 3, 0]]
    expected = torch.tensor([[1, 1, 1, 1, 1 / 7], [0.2, 0.2, 2, 2, 1]])
    torch.testing.assert_close(steps, expected)


def test_a_row_has_one_scale():
    codes, _ = codes_and_steps(torch.tensor([[127.0, -1.0, 0.4], [0.0, 0.5, -1.0]]), Scheme(8))
    assert codes.tolist() == [[127, -1, 0], [0, 64, -127]]


@given(
    seed=st.integers(0, 1000),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 150)),
    name=st.sampled_from(sorted(SCHEMES)),
)
def test_rounding_moves_no_weight_by_more_than_half_a_step_and_does_nothing_twice(seed, shape, name):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    scheme = SCHEMES[name]
    once = rounded(weight, scheme)
    _, steps = codes_and_steps(weight, scheme)
    assert ((once - weight).abs() <= steps / 2 * (1 + 1e-5)).all()
    torch.testing.assert_close(rounded(once, scheme), once)
    assert once.shape == weight.shape


def test_names():
    assert list(SCHEMES) == ["int8_row", "int4_row", "int4_g32", "int4_g64", "int4_g128"]
    assert all(scheme.name == name for name, scheme in SCHEMES.items())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_inside_the_linear_layers_are_rounded_and_after_it_every_bit_is_back(chat_folder, dtype):
    lm = load_language_model(chat_folder, dtype=dtype)
    before = {name: value.clone() for name, value in lm.model.state_dict().items()}
    inner = {f"{name}.weight" for name in linear_layers(lm.model)}

    def check_inside():
        for name, value in lm.model.state_dict().items():
            expected = rounded(before[name], SCHEMES["int4_g64"]) if name in inner else before[name]
            assert torch.equal(value, expected), name
            assert value.dtype == before[name].dtype

    def stop():
        check_inside()
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"), quantised(lm.model, SCHEMES["int4_g64"]):
        stop()
    assert all(torch.equal(value, before[name]) for name, value in lm.model.state_dict().items())


class TestAgainstRealKernels:
    """Where the extra `quant` is installed: what is computed here is what kernels compute."""

    @pytest.mark.parametrize(("bits", "group"), [(8, 32), (4, 32), (4, 64)])
    def test_torchao_rounds_to_the_same_grid(self, bits, group):
        quantization = pytest.importorskip("torchao.quantization")
        granularity = pytest.importorskip("torchao.quantization.granularity")
        layer = torch.nn.Linear(128, 32, bias=False)
        with torch.no_grad():
            layer.weight.copy_(torch.randn(32, 128, generator=torch.Generator().manual_seed(0)))
        ours = rounded(layer.weight.detach(), Scheme(bits, group))
        _, steps = codes_and_steps(layer.weight.detach(), Scheme(bits, group))
        config = quantization.IntxWeightOnlyConfig(
            weight_dtype=getattr(torch, f"int{bits}"), granularity=granularity.PerGroup(group)
        )
        model = torch.nn.Sequential(layer)
        quantization.quantize_(model, config)
        theirs = model(torch.eye(128)).T.detach()
        # Theirs has one code more below zero, and so a slightly finer step: at most a step apart.
        assert ((theirs - ours).abs() <= steps * 1.01).all()
        assert torch.corrcoef(torch.stack([theirs.flatten(), ours.flatten()]))[0, 1] > 0.99

    def test_bitsandbytes_int8_is_ours_by_row(self):
        functional = pytest.importorskip("bitsandbytes.functional")
        weight = torch.randn(32, 128, generator=torch.Generator().manual_seed(0))
        codes, steps = codes_and_steps(weight, Scheme(8))
        theirs, absmax, _ = functional.int8_vectorwise_quant(weight.to(torch.float16))
        assert ((theirs.float() - codes).abs() <= 1).all()
        torch.testing.assert_close(absmax.float() / 127, steps[:, 0], rtol=1e-3, atol=1e-5)
