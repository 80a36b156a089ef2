import json

from tasks.models.pair import Pair
from tasks.models.pair_file import pair_row, read_pairs


def test_pairs_of_a_split_come_back_in_order(tmp_path):
    pairs = [Pair("a", "b"), Pair("c", "d", complete=False), Pair("é\u2028", "f", given="e")]
    rows = [{"split": split, **pair_row(pair)} for pair, split in zip(pairs, ["train", "tune", "train"], strict=True)]
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_pairs(file, "train") == [pairs[0], pairs[2]]
    assert read_pairs(file, "tune") == [pairs[1]]
