import pytest
import torch
from safetensors.torch import load, save

from bandit.neural_ucb import NeuralUCB
from bandit.normalise import standardise
from tests.bandit.gradients import COVARIANCES, reference_widths

forms = pytest.mark.parametrize("form", sorted(COVARIANCES))


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def make_features(num_arms=60, num_features=8, seed=0):
    return torch.randn(num_arms, num_features, generator=rng(seed))


def make_bandit(features=None, seed=0, **settings):
    features = make_features() if features is None else features
    return NeuralUCB(features, generator=rng(seed), **{"num_initial": 5, "num_hidden": 20, "max_steps": 10, **settings})


def play(bandit, rewards, times, at_once=1):
    for _ in range(times):
        for arm in bandit.ask(at_once):
            bandit.tell(arm, float(rewards[arm]))


def toy_rewards(features):
    """Smooth, not linear, and most arms are bad."""
    return torch.sigmoid(3 * features[:, 0] + 2 * features[:, 1] * features[:, 2] - 2)


def unplayed(bandit):
    return [arm for arm in range(60) if arm not in bandit.history.arms]


@pytest.mark.parametrize("at_once", [1, 5])
def test_no_arm_is_played_twice_and_all_can_be_played(at_once):
    features = make_features(num_arms=12)
    bandit = make_bandit(features)
    play(bandit, toy_rewards(features), 12, at_once)
    assert sorted(bandit.history.arms) == list(range(12))
    assert bandit.ask() == []


def test_the_first_arms_are_random_and_none_is_chosen_before_a_fit():
    features = make_features()
    drawn = []
    for seed in range(20):
        bandit = make_bandit(features, seed=seed)
        play(bandit, torch.zeros(60), 5)
        drawn += bandit.history.arms
    assert len(set(drawn)) > 40  # 100 draws from 60 arms; a network's favourites would repeat
    first, again = make_bandit(seed=3), make_bandit(seed=3)
    play(first, torch.zeros(60), 5), play(again, torch.ones(60), 5)
    assert first.history.arms == again.history.arms  # what is told has no say in them


def test_initial_arms_come_in_any_portions_and_never_with_others():
    bandit = make_bandit()
    drawn = bandit.ask(60)
    assert len(drawn) == len(set(drawn)) == 5
    assert bandit.ask(2) == drawn[:2]
    bandit.tell(drawn[0], 0.1), bandit.tell(drawn[3], 0.2)
    assert bandit.ask(4) == [drawn[1], drawn[2], drawn[4]]


def test_ask_does_not_change_its_mind():
    bandit = make_bandit()
    assert bandit.ask() == bandit.ask()
    play(bandit, toy_rewards(bandit.features), 8)
    assert bandit.ask(3) == bandit.ask(3)
    assert bandit.ask(2) == bandit.ask(3)[:2]


@forms
def test_ask_is_the_best_acquisition_among_unplayed_arms(form):
    bandit = make_bandit(width=form)
    play(bandit, toy_rewards(bandit.features), 9)
    acquisition = bandit.acquisition()
    assert bandit.ask() == [max(unplayed(bandit), key=lambda arm: acquisition[arm])]


@forms
def test_each_pick_of_a_batch_narrows_the_widths_for_the_next(form):
    features = make_features(num_arms=30).repeat(2, 1)  # every arm has a twin, which is no news once one is played
    bandit = make_bandit(features, width=form, exploration=5.0)
    play(bandit, toy_rewards(bandit.features), 9)
    arms, x = list(bandit.history.arms), bandit.features
    free = unplayed(bandit)
    nu = 5 / bandit.width()[free].median()
    picks = bandit.ask(6)
    for pick in picks:
        acquisition = bandit.estimate() + nu * reference_widths(form, bandit._network, x, arms, lam=0.1)
        assert pick == max(set(free) - set(arms), key=lambda arm: acquisition[arm])
        arms.append(pick)
    assert picks != sorted(free, key=lambda arm: -bandit.acquisition()[arm])[:6]


def test_a_batch_holds_all_that_are_left():
    bandit = make_bandit()
    play(bandit, toy_rewards(bandit.features), 10, at_once=5)
    assert sorted(bandit.ask(100)) == unplayed(bandit)


@forms
def test_the_median_bonus_is_the_stated_number_of_standard_deviations(form):
    bandit = make_bandit(exploration=0.7, width=form)
    play(bandit, 1000 * toy_rewards(bandit.features) + 5, 9)
    bonus = bandit.acquisition() - bandit.estimate()
    assert bonus[unplayed(bandit)].median().item() == pytest.approx(0.7, rel=1e-4)
    torch.testing.assert_close(bonus / bonus.max(), bandit.width() / bandit.width().max(), rtol=1e-4, atol=1e-6)


def test_without_exploration_it_is_greedy():
    bandit = make_bandit(exploration=0.0)
    play(bandit, toy_rewards(bandit.features), 9)
    torch.testing.assert_close(bandit.acquisition(), bandit.estimate())


def test_answers_do_not_depend_on_the_scale_of_rewards():
    features = make_features()
    rewards = toy_rewards(features)
    plain, scaled = make_bandit(features), make_bandit(features)
    play(plain, rewards, 10), play(scaled, 1024 * rewards, 10)
    assert plain.history.arms == scaled.history.arms


@forms
def test_width_counts_all_played_arms_the_initial_ones_too_at_the_present_theta(form):
    bandit = make_bandit(width=form)
    play(bandit, toy_rewards(bandit.features), 9)
    width = bandit.width()
    expected = reference_widths(form, bandit._network, bandit.features, bandit.history.arms, lam=0.1)
    torch.testing.assert_close(width.double(), expected, rtol=1e-4, atol=0)


def test_the_network_learns_what_it_is_told():
    bandit = make_bandit()
    rewards = toy_rewards(bandit.features)
    play(bandit, rewards, 12)
    told = standardise(torch.tensor(bandit.history.rewards))
    torch.testing.assert_close(bandit.estimate()[bandit.history.arms], told, atol=0.1, rtol=0)


def test_a_fit_goes_on_from_the_one_before():
    told = [(3, 0.1), (8, 0.9), (20, 0.4)]
    bandits = [make_bandit(num_initial=1, max_steps=2) for _ in range(2)]
    for arm, reward in told:
        for bandit in bandits:
            bandit.tell(arm, reward)
        bandits[0].ask()  # fits now
    assert not torch.equal(bandits[0].estimate(), bandits[1].estimate())
    theta = bandits[0].state_dict()["theta.W"]
    bandits[0].ask()
    assert torch.equal(bandits[0].state_dict()["theta.W"], theta)  # nothing new, no fit


def test_rewards_known_from_before_replace_the_initial_arms():
    bandit = make_bandit(num_initial=5)
    rewards = toy_rewards(bandit.features)
    for arm in (50, 51, 52, 53, 54):
        bandit.tell(arm, float(rewards[arm]))
    assert bandit.ask() == [int(bandit.acquisition().index_fill(0, torch.arange(50, 55), -torch.inf).argmax())]


@forms
def test_equal_rewards_are_no_trouble(form):
    bandit = make_bandit(width=form)
    play(bandit, torch.full((60,), 0.3), 12)
    assert bandit.acquisition().isfinite().all()


@forms
def test_finds_more_than_random_does(form):
    features = make_features(num_arms=400, num_features=10, seed=7)
    rewards = toy_rewards(features)
    best = rewards.max()
    regrets = []
    for seed in range(2):
        bandit = make_bandit(features, seed=seed, num_initial=10, num_hidden=50, width=form)
        play(bandit, rewards, 30)
        regrets.append(float((best - torch.tensor(bandit.history.rewards[10:])).mean()))
    random_regret = float((best - rewards).mean())
    assert max(regrets) < 0.6 * random_regret, (regrets, random_regret)


@forms
@pytest.mark.parametrize("asks_before_saving", [False, True])
@pytest.mark.parametrize("num_told", [0, 3, 5, 11])
def test_state_dict_goes_on_bit_for_bit(form, num_told, asks_before_saving):
    features = make_features()
    rewards = toy_rewards(features)
    bandit = make_bandit(features, seed=1, width=form)
    play(bandit, rewards, num_told)
    if asks_before_saving:  # what was fitted is not fitted again
        bandit.ask()
    restored = make_bandit(features, seed=2, width=form)
    play(restored, rewards, 7)  # whatever it did before is gone
    restored.load_state_dict(load(save(bandit.state_dict())))
    play(bandit, rewards, 4), play(restored, rewards, 4)
    play(bandit, rewards, 2, at_once=3), play(restored, rewards, 2, at_once=3)
    assert restored.history.arms == bandit.history.arms
    assert torch.equal(restored.acquisition(), bandit.acquisition())
    assert all(torch.equal(tensor, restored.state_dict()[name]) for name, tensor in bandit.state_dict().items())


def test_the_same_rewards_replayed_give_the_same_answers():
    asked = []
    for _ in range(2):
        bandit = make_bandit()
        play(bandit, toy_rewards(bandit.features), 4, at_once=5)
        asked.append((bandit.history.arms, bandit.acquisition()))
    assert asked[0][0] == asked[1][0]
    assert torch.equal(asked[0][1], asked[1][1])


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


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator")
@forms
def test_on_an_accelerator_it_says_the_same(form):
    features = make_features(num_arms=500, num_features=64)
    bandits = [make_bandit(features.to(device), width=form) for device in ("cpu", "cuda")]
    for bandit in bandits:
        for arm in range(20):
            bandit.tell(arm, float(toy_rewards(features)[arm]))
    bandits[1].ask()
    bandits[0].load_state_dict(bandits[1].state_dict())  # the same fit: a fit amplifies what was rounded
    torch.testing.assert_close(bandits[1].width().cpu(), bandits[0].width(), rtol=1e-4, atol=0)
    assert bandits[1].ask(4) == bandits[0].ask(4)


def test_unusable_settings_are_refused():
    with pytest.raises(ValueError, match="num_initial must be between 1 and the 60 arms, not 61"):
        make_bandit(num_initial=61)
    with pytest.raises(ValueError, match="lam must be above 0, not 0"):
        make_bandit(lam=0)
    with pytest.raises(ValueError, match="width must be full or diagonal, not 'ful'"):
        make_bandit(width="ful")
