import pytest
import torch

from bandit.neural_ucb import NeuralUCB, normalise, standardise
from bandit.widths import diagonal_width


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def make_features(num_arms=60, num_features=8, seed=0):
    return torch.randn(num_arms, num_features, generator=rng(seed))


def make_bandit(features=None, seed=0, **settings):
    features = make_features() if features is None else features
    return NeuralUCB(features, generator=rng(seed), **{"num_initial": 5, "num_hidden": 20, "max_steps": 30, **settings})


def play(bandit, rewards, times):
    for _ in range(times):
        arm = bandit.ask()
        bandit.tell(arm, float(rewards[arm]))


def toy_rewards(features):
    """Smooth, not linear, and most arms are bad."""
    return torch.sigmoid(3 * features[:, 0] + 2 * features[:, 1] * features[:, 2] - 2)


def test_no_arm_is_played_twice_and_all_can_be_played():
    features = make_features(num_arms=12)
    bandit = make_bandit(features)
    play(bandit, toy_rewards(features), 12)
    assert sorted(bandit.arms) == list(range(12))
    with pytest.raises(ValueError, match="every arm has been played"):
        bandit.ask()


def test_the_first_arms_are_random_and_none_is_chosen_before_a_fit():
    features = make_features()
    drawn = []
    for seed in range(20):
        bandit = make_bandit(features, seed=seed)
        play(bandit, torch.zeros(60), 5)
        drawn += bandit.arms
    assert len(set(drawn)) > 40  # 100 draws from 60 arms; a network's favourites would repeat
    first, again = make_bandit(seed=3), make_bandit(seed=3)
    play(first, torch.zeros(60), 5), play(again, torch.ones(60), 5)
    assert first.arms == again.arms  # what is told has no say in them


def test_ask_does_not_change_its_mind():
    bandit = make_bandit()
    assert bandit.ask() == bandit.ask()
    play(bandit, toy_rewards(bandit.features), 8)
    assert bandit.ask() == bandit.ask()


def test_ask_is_the_best_acquisition_among_unplayed_arms():
    bandit = make_bandit()
    play(bandit, toy_rewards(bandit.features), 9)
    acquisition = bandit.acquisition()
    unplayed = [arm for arm in range(60) if arm not in bandit.arms]
    assert bandit.ask() == max(unplayed, key=lambda arm: acquisition[arm])


def test_the_median_bonus_is_the_stated_number_of_standard_deviations():
    bandit = make_bandit(exploration=0.7)
    play(bandit, 1000 * toy_rewards(bandit.features) + 5, 9)
    bonus = bandit.acquisition() - bandit.estimate()
    unplayed = [arm for arm in range(60) if arm not in bandit.arms]
    assert bonus[unplayed].median().item() == pytest.approx(0.7, rel=1e-4)
    torch.testing.assert_close(bonus / bonus.max(), bandit.width() / bandit.width().max())


def test_without_exploration_it_is_greedy():
    bandit = make_bandit(exploration=0.0)
    play(bandit, toy_rewards(bandit.features), 9)
    torch.testing.assert_close(bandit.acquisition(), bandit.estimate())


def test_answers_do_not_depend_on_the_scale_of_rewards():
    features = make_features()
    rewards = toy_rewards(features)
    plain, scaled = make_bandit(features), make_bandit(features)
    play(plain, rewards, 10), play(scaled, 1024 * rewards, 10)
    assert plain.arms == scaled.arms


def test_width_counts_all_played_arms_the_initial_ones_too_at_the_present_theta():
    bandit = make_bandit()
    play(bandit, toy_rewards(bandit.features), 9)
    expected = diagonal_width(bandit._fitted_network(), bandit.features, bandit.features[bandit.arms], lam=bandit.lam)
    torch.testing.assert_close(bandit.width(), expected)


def test_the_network_learns_what_it_is_told():
    bandit = make_bandit()
    rewards = toy_rewards(bandit.features)
    play(bandit, rewards, 12)
    told = standardise(torch.tensor(bandit.rewards))
    torch.testing.assert_close(bandit.estimate()[bandit.arms], told, atol=0.1, rtol=0)


def test_rewards_known_from_before_replace_the_initial_arms():
    bandit = make_bandit(num_initial=5)
    rewards = toy_rewards(bandit.features)
    for arm in (50, 51, 52, 53, 54):
        bandit.tell(arm, float(rewards[arm]))
    assert bandit.ask() == int(bandit.acquisition().index_fill(0, torch.arange(50, 55), -torch.inf).argmax())


def test_equal_rewards_are_no_trouble():
    bandit = make_bandit()
    play(bandit, torch.full((60,), 0.3), 12)
    assert bandit.acquisition().isfinite().all()


def test_finds_more_than_random_does():
    features = make_features(num_arms=400, num_features=10, seed=7)
    rewards = toy_rewards(features)
    best = rewards.max()
    regrets = []
    for seed in range(2):
        bandit = make_bandit(features, seed=seed, num_initial=10, num_hidden=50)
        play(bandit, rewards, 35)
        regrets.append(float((best - torch.tensor(bandit.rewards[10:])).mean()))
    random_regret = float((best - rewards).mean())
    assert max(regrets) < 0.6 * random_regret, (regrets, random_regret)


@pytest.mark.parametrize("num_told", [0, 3, 5, 11])
def test_state_dict_goes_on_bit_for_bit(num_told):
    features = make_features()
    rewards = toy_rewards(features)
    bandit = make_bandit(features, seed=1)
    play(bandit, rewards, num_told)
    restored = make_bandit(features, seed=2)
    play(restored, rewards, 7)  # whatever it did before is gone
    restored.load_state_dict(bandit.state_dict())
    play(bandit, rewards, 7), play(restored, rewards, 7)
    assert restored.arms == bandit.arms
    assert torch.equal(restored.acquisition(), bandit.acquisition())
    assert all(torch.equal(tensor, restored.state_dict()[name]) for name, tensor in bandit.state_dict().items())


def test_state_dict_is_a_copy():
    bandit = make_bandit()
    state = bandit.state_dict()
    before = {name: tensor.clone() for name, tensor in state.items()}
    play(bandit, toy_rewards(bandit.features), 8)
    bandit.ask()
    assert all(torch.equal(state[name], before[name]) for name in state)


def test_nothing_global_is_drawn_from():
    before = torch.random.get_rng_state()
    bandit = make_bandit()
    play(bandit, toy_rewards(bandit.features), 8)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (torch.zeros(5), "matrix"),
        (torch.zeros(5, 2, dtype=torch.int64), "floating-point"),
        (torch.tensor([[0.0, torch.nan]] * 9), "finite"),
    ],
)
def test_unusable_features_are_refused(features, message):
    with pytest.raises(ValueError, match=message):
        make_bandit(features)


def test_unusable_numbers_are_refused():
    with pytest.raises(ValueError, match="num_initial must be between 1 and the 60 arms, not 61"):
        make_bandit(num_initial=61)
    bandit = make_bandit()
    bandit.tell(3, 0.5)
    with pytest.raises(ValueError, match="arm 3 was played before"):
        bandit.tell(3, 0.5)
    with pytest.raises(ValueError, match="one of the 60 rows"):
        bandit.tell(60, 0.5)


def test_normalised_features_have_equal_norms():
    features = make_features() * torch.logspace(-3, 3, 8) + 100
    x = normalise(features.double())
    torch.testing.assert_close(x.norm(dim=1), torch.full((60,), 8**0.5, dtype=torch.float64))


def test_features_that_do_not_vary_say_nothing():
    features = make_features().double()
    constant = torch.full((60, 1), 0.1, dtype=torch.float64)
    x = normalise(torch.cat([features, constant], dim=1))
    assert (x[:, -1] == 0).all()
    torch.testing.assert_close(x[:, :-1] / x[:, :-1].norm(dim=1, keepdim=True), normalise(features) / 8**0.5)
    assert (normalise(torch.ones(4, 3)) == 0).all()


def test_standardise_by_hand():
    values = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    assert standardise(values).tolist() == [[-1.0, 0.0], [1.0, 0.0]]
