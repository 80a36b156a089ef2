import pytest
import torch

from tasks.models.device import resolve_device
from tasks.settings.errors import UserError


def test_a_named_device_is_taken_at_its_word():
    assert resolve_device("cpu") == "cpu"


@pytest.mark.parametrize(("has_cuda", "device"), [(True, "cuda"), (False, "cpu")])
def test_auto_takes_cuda_where_there_is_one(monkeypatch, has_cuda, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    assert resolve_device("auto") == device


def test_cuda_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"model\.device is cuda"):
        resolve_device("cuda")
