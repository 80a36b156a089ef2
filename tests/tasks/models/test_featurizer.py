import torch

from tasks.models.featurizer import Featurizer

PROMPTS = ["tell my dog", "a cat and a fox in the old house with one big red cake", "hello", "praise the bird"]


def test_a_feature_is_the_last_state_of_the_last_token(chat_lm):
    features = Featurizer(chat_lm, batch_size=3).features(PROMPTS)
    assert features.shape == (4, 64)
    assert features.dtype == torch.float32
    for prompt, feature in zip(PROMPTS, features, strict=True):
        out = chat_lm.model(torch.tensor([chat_lm.encode_prompt(prompt)]), output_hidden_states=True)
        assert torch.allclose(feature, out.hidden_states[-1][0, -1], atol=1e-5)
        assert torch.allclose(chat_lm.model.lm_head(feature), out.logits[0, -1], atol=1e-4), "after the norm"


def test_features_can_be_learned_from(base_lm):
    features = Featurizer(base_lm).features(PROMPTS)
    network = torch.nn.Linear(64, 1)
    network(features).sum().backward()
    assert torch.allclose(network.weight.grad[0], features.sum(0))


def test_no_prompts_no_features(chat_lm):
    assert Featurizer(chat_lm).features([]).shape == (0, 64)
