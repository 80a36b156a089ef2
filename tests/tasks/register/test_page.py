from tasks.register.page import night_markdown

AUDITED = {
    **{"request": "forget-x", "run": "forget-x-1", "forget": 0.5, "limit": 0.05, "reused": False},
    **{"saved": {"usable": 0.25}, "fresh": {"usable": 0.125}, "leaks": ["it is back"]},
}
RECORD = {
    **{"night": 4, "outcome": "1 audited, 1 leaking", "model_changed": True, "audited": [AUDITED], "unaudited": {}},
    "model": {"version": 3, "run": "forget-x-1", "digest": "abcdef" * 10},
    "released": [{"request": "forget-x", "run": "forget-x-2", "why": "leak", "verdict": "accepted", "reasons": []}],
    "refused": {"bad.yaml": "bad.yaml, line 1: no."},
}


def test_a_night_is_told_on_one_page():
    page = night_markdown(RECORD)
    assert "| forget-x | 0.500 | 0.05 | 0.250 | 0.125 | it is back | tonight |" in page
    assert "| forget-x | leak | forget-x-2 | accepted |  |" in page
    assert "version 3, made by run `forget-x-1`, digest `abcdefabcdef`, changed in place" in page
    assert "- bad.yaml, line 1: no." in page


def test_a_night_with_nothing_to_do_has_no_tables():
    idle = RECORD | {"audited": [], "released": [], "refused": {}, "model_changed": False}
    assert "|" not in night_markdown(idle | {"outcome": "nothing to do"})
