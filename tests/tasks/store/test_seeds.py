import hashlib

from tasks.store.seeds import derive_seed


def test_a_seed_is_the_first_63_bits_of_the_digest():
    digest = hashlib.sha256(b'[7,"forget-adapter",3]').digest()
    assert derive_seed(7, "forget-adapter", 3) == int.from_bytes(digest[:8], "big") // 2


def test_golden_seed():
    assert derive_seed(7, "forget-adapter", 3) == 8261390108321838148


def test_every_word_counts():
    seeds = {
        derive_seed(0),
        derive_seed(1),
        derive_seed(0, "a"),
        derive_seed(0, "a", "b"),
        derive_seed(0, "ab"),
        derive_seed(0, 1),
        derive_seed(0, "1"),
        derive_seed(0, "b", "a"),
    }
    assert len(seeds) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)
