import pytest

from tasks.baselines.sisa.placement import place
from tasks.settings.errors import UserError

OWNERS = [f"owner {i}" for i in range(11)]


def test_everybody_has_one_place_and_shards_and_slices_are_of_like_size():
    shards = place(OWNERS, num_shards=3, num_slices=2, seed=0).shards
    assert sorted(owner for slices in shards for slice_ in slices for owner in slice_) == sorted(OWNERS)
    assert [[len(slice_) for slice_ in slices] for slices in shards] == [[2, 2], [2, 2], [1, 2]]


def test_places_depend_on_names_and_seed_and_not_on_the_order_in_which_owners_are_given():
    first = place(OWNERS, num_shards=3, num_slices=2, seed=0)
    assert place(reversed(OWNERS), num_shards=3, num_slices=2, seed=0) == first
    assert place(OWNERS, num_shards=3, num_slices=2, seed=1) != first


def test_who_is_removed_leaves_a_gap():
    placement = place(OWNERS, num_shards=3, num_slices=2, seed=0)
    gone = placement.shards[1][0][0]
    rest = placement.without({gone})
    assert rest.shards[1] == (placement.shards[1][0][1:], placement.shards[1][1])
    assert (rest.shards[0], rest.shards[2]) == (placement.shards[0], placement.shards[2])
    assert set(placement.owners()) - set(rest.owners()) == {gone}


def test_too_few_owners_are_refused():
    with pytest.raises(UserError, match="11 owners are too few for 4 shards of 3 slices"):
        place(OWNERS, num_shards=4, num_slices=3, seed=0)
