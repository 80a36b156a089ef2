"""Where a model runs."""

import torch

from tasks.settings.errors import UserError


def resolve_device(name: str) -> str:
    """`cpu` or `cuda`; `auto` takes CUDA where there is one.

    Raises:
        UserError: CUDA is asked for, and there is none.
    """
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise UserError("model.device is cuda, but torch finds no CUDA device; use cpu or auto.")
    return ("cuda" if has_cuda else "cpu") if name == "auto" else name
