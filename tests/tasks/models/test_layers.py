from tasks.models.language_model import LanguageModel
from tasks.models.layers import linear_layers


def test_the_seven_linear_maps_of_each_block_and_no_head(chat_lm: LanguageModel) -> None:
    attention = [f"self_attn.{name}_proj" for name in "qkvo"]
    mlp = [f"mlp.{name}_proj" for name in ("gate", "up", "down")]
    expected = {f"model.layers.{block}.{name}" for block in (0, 1) for name in attention + mlp}
    assert set(linear_layers(chat_lm.model)) == expected
