import pytest
import torch
from sklearn.linear_model import Ridge

from bandit.normalise import standardise
from benchmarks.strategies import GPUCB, STRATEGIES, EpsilonGreedy, LinUCB

strategies = pytest.mark.parametrize("name", STRATEGIES)


def make_features(num_arms=80, num_features=6):
    return torch.randn(num_arms, num_features, generator=torch.Generator().manual_seed(0))


def make(name, features, seed=1, num_initial=5):
    return STRATEGIES[name](features, generator=torch.Generator().manual_seed(seed), num_initial=num_initial)


def rewards(features):
    return torch.sigmoid(2 * features[:, 0] + features[:, 1] - 2)


def play(bandit, values, portions):
    arms = []
    for n in portions:
        for arm in bandit.ask(n):
            bandit.tell(arm, float(values[arm]))
            arms.append(arm)
    return arms


def test_all_begin_with_the_same_arms():
    drawn = [make(name, make_features()).ask(5) for name in STRATEGIES]
    assert drawn == [drawn[0]] * len(STRATEGIES)


@strategies
def test_arms_are_distinct_and_run_out(name):
    features = make_features(num_arms=15)
    bandit = make(name, features)
    assert bandit.ask(1) == bandit.ask(3)[:1]
    assert sorted(play(bandit, rewards(features), [1, 4, 3, 3, 9, 9])) == list(range(15))
    assert bandit.ask(2) == []


@strategies
def test_asking_twice_gives_the_same_answer(name):
    features = make_features()
    bandit = make(name, features)
    play(bandit, rewards(features), [5, 2])
    assert bandit.ask(4) == bandit.ask(4)
    assert bandit.ask(4)[:2] == bandit.ask(2)


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "random"])
def test_models_find_more_than_chance_does(name):
    features = make_features(num_arms=300)
    values = rewards(features)
    arms = play(make(name, features, num_initial=10), values, [10, 4, 4, 4])
    assert values[arms[10:]].mean() > 1.8 * values.mean()


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_epsilon_greedy_is_greedy_but_for_a_share_of_its_turns(epsilon):
    features = make_features(num_arms=300)
    values = rewards(features)
    bandit = EpsilonGreedy(features, generator=torch.Generator().manual_seed(1), num_initial=5, epsilon=epsilon)
    play(bandit, values, [5])
    is_best = []
    for _ in range(20):
        is_best.append(bandit.ask() == bandit._greedy.ask())
        play(bandit, values, [1])
    share = 1 - sum(is_best) / len(is_best)
    assert share == epsilon if epsilon in (0, 1) else 0.1 < share < 0.5


def test_lin_ucb_is_ridge_regression_with_its_exact_width():
    features = make_features().double()
    bandit = LinUCB(features, generator=torch.Generator().manual_seed(1), num_initial=5, exploration=0.4)
    arms = play(bandit, rewards(features), [5, 1, 1])
    x, lam = bandit._x, 0.1 * 6
    believed = bandit.upper_confidence()
    y = standardise(rewards(features)[arms])
    ridge = Ridge(lam, fit_intercept=False).fit(x[arms].numpy(), y.numpy())
    torch.testing.assert_close(believed.estimate, torch.from_numpy(ridge.predict(x.numpy())))
    phi = torch.cat([x, torch.ones(80, 3, dtype=x.dtype)], dim=1)
    Z = lam * torch.eye(9, dtype=x.dtype) + phi[arms].T @ phi[arms]
    torch.testing.assert_close(believed.widths.values(), (lam * (phi @ Z.inverse() * phi).sum(1)).sqrt())


def test_gp_ucb_is_surer_of_what_it_has_seen_and_of_its_neighbours():
    features = make_features()
    features[79] = features[78] + 0.01
    bandit = GPUCB(features, generator=torch.Generator().manual_seed(1), num_initial=5)
    arms = play(bandit, rewards(features), [5, 3, 3])
    widths = bandit.upper_confidence().widths
    assert widths.values()[arms].max() < widths.values().median()
    after = widths.after(78).values()
    assert after[79] < widths.values()[79]
    assert (after <= widths.values() + 1e-9).all()
