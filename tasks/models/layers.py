"""Which layers of a model are adapted, merged and quantised."""

from torch import nn
from transformers import PreTrainedModel


def linear_layers(model: PreTrainedModel) -> dict[str, nn.Linear]:
    """The linear maps inside the blocks, by module name: for a Llama `q, k, v, o, gate, up, down_proj` of each block.

    The output head is left out: it is often tied to the embeddings, and a change there hits every word at once.
    """
    head = model.get_output_embeddings()
    return {
        name: module for name, module in model.named_modules() if isinstance(module, nn.Linear) and module is not head
    }
