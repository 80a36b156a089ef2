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


def test_a_prompt_is_read_once(chat_lm, monkeypatch):
    featurizer = Featurizer(chat_lm)
    first = featurizer.features(PROMPTS)
    monkeypatch.setattr("tasks.models.featurizer.hidden_states", None)
    again = featurizer.features([PROMPTS[2], PROMPTS[0], PROMPTS[2]])
    assert torch.equal(again, first[[2, 0, 2]])


def test_the_features_of_embeddings_are_those_of_their_tokens(chat_lm):
    inputs = [chat_lm.embed(chat_lm.encode_prompt(prompt)) for prompt in PROMPTS]
    featurizer = Featurizer(chat_lm, batch_size=3)
    features = featurizer.features_of_embeddings(inputs)
    torch.testing.assert_close(features, Featurizer(chat_lm).features(PROMPTS), atol=1e-5, rtol=1e-5)
    inputs[0] = inputs[0] * 1.1
    changed = featurizer.features_of_embeddings(inputs)
    assert torch.equal(changed[1:], features[1:])
    assert not torch.allclose(changed[0], features[0], atol=1e-2)
    assert featurizer.features_of_embeddings([]).shape == (0, 64)
