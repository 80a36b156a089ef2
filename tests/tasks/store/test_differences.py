from tasks.store.differences import differences


def test_each_difference_is_named_with_both_values():
    old = {"search": {"rounds": 5, "width": 0.1}, "seed": 7, "gone": [1, 2], "same": {"a": None}}
    new = {"search": {"rounds": 8, "width": 0.1}, "seed": 7, "device": "cuda", "same": {"a": None}}
    assert differences(old, new) == [
        'device was unset, is now "cuda"',
        "gone was [1, 2], is now unset",
        "search.rounds was 5, is now 8",
    ]


def test_values_that_are_equal_in_python_only_differ():
    assert differences({"a": 1}, {"a": 1.0}) == ["a was 1, is now 1.0"]
    assert differences({"a": {}}, {}) == ["a was {}, is now unset"]
    assert differences({"a": "unset"}, {}) == ['a was "unset", is now unset']


def test_ignored_paths_take_what_is_below_with_them():
    old = {"deadline_s": 1, "report": {"a": 1, "b": {"c": 1}}, "reporter": 1}
    new = {"deadline_s": 2, "report": {"a": 2, "b": {"c": 2}}, "reporter": 2}
    assert differences(old, new, ignore={"deadline_s", "report"}) == ["reporter was 1, is now 2"]
    assert differences(old, new, ignore=["report.b"]) == [
        "deadline_s was 1, is now 2",
        "report.a was 1, is now 2",
        "reporter was 1, is now 2",
    ]


def test_a_long_value_is_cut():
    (phrase,) = differences({"a": "x" * 500}, {"a": 1})
    assert len(phrase) < 120
    assert phrase.endswith("..., is now 1")
