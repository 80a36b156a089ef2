import hashlib
import hmac
import json
import multiprocessing
import os
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.settings.errors import UserError
from tasks.store.chain import KEY_VARIABLE, Chain
from tasks.store.entries import ManifestEntry, PublicationEntry, RequestEntry, VerdictEntry
from tasks.store.keys import canonical_json

ONE, TWO = "1" * 64, "2" * 64
ENTRIES = (
    RequestEntry(request="forget-dogs", digest=ONE, asked_by="Ada Example", deadline="2030-01-31"),
    VerdictEntry(run="night-4", verdict="accepted", reasons=("looks good",), by="Bob Example"),
    PublicationEntry(run="night-4", model=TWO, where="production.json"),
)
KEY = b"a key of a test"


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@pytest.fixture
def chain(tmp_path):
    chain = Chain(tmp_path / "ledgers" / "ledger.jsonl")
    chain.append(*ENTRIES)
    return chain


@pytest.fixture
def signed(tmp_path):
    chain = Chain(tmp_path / "ledger.jsonl", key=KEY)
    chain.append(*ENTRIES)
    return chain


def lines(chain):
    return chain.path.read_bytes().splitlines(keepends=True)


def forged(line, **changes):
    """A line with other fields, and a hash that fits them."""
    told = {name: value for name, value in json.loads(line).items() if name not in ("hash", "hmac")} | changes
    digest = hashlib.sha256(canonical_json(told).encode()).hexdigest()
    return canonical_json(told | {"hash": digest}).encode() + b"\n"


def test_the_chain_by_hand(chain):
    previous = "0" * 64
    for line in lines(chain):
        told = json.loads(line)
        assert told["previous"] == previous
        previous = told.pop("hash")
        text = json.dumps(told, sort_keys=True, separators=(",", ":"))
        assert previous == hashlib.sha256(text.encode()).hexdigest()
    first = json.loads(lines(chain)[0])
    assert set(first) == {
        *("seq", "time", "kind", "previous", "hash"),
        *("request", "digest", "file", "asked_by", "deadline"),
    }
    assert (first["seq"], first["kind"], first["asked_by"]) == (1, "request", "Ada Example")


def test_what_was_appended_is_read_back_and_the_head_is_the_last_hash(chain):
    links = chain.verify()
    assert tuple(link.entry for link in links) == ENTRIES
    assert chain.append() == links[-1].hash == json.loads(lines(chain)[-1])["hash"]


def test_appending_leaves_what_is_there(chain):
    before = chain.path.read_bytes()
    chain.append(ENTRIES[0])
    assert chain.path.read_bytes().startswith(before)
    assert len(chain.verify()) == 4


def test_file_and_folder_are_private(chain):
    assert stat.S_IMODE(chain.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(chain.path.parent.stat().st_mode) == 0o700


def test_a_ledger_that_is_missing_holds_nothing_yet_but_does_not_verify(tmp_path):
    chain = Chain(tmp_path / "ledger.jsonl")
    assert chain.links() == []
    with pytest.raises(UserError, match=f"{tmp_path}/ledger.jsonl is missing"):
        chain.verify()


def test_lines_of_version_0_1_0_are_manifests_and_the_chain_goes_on_from_them(tmp_path):
    told = {"seq": 1, "unit": "search", "manifest": ONE, "previous": "0" * 64}
    digest = hashlib.sha256(canonical_json(told).encode()).hexdigest()
    chain = Chain(tmp_path / "ledger.jsonl")
    chain.path.write_text(canonical_json(told | {"hash": digest}) + "\n")
    chain.append(ENTRIES[0])
    first, second = chain.verify()
    assert (first.entry, first.time) == (ManifestEntry(unit="search", manifest=ONE), "")
    assert second.entry == ENTRIES[0]


@pytest.mark.parametrize("name", ["seq", "time", "kind", "previous", "hash", "digest", "asked_by"])
@pytest.mark.parametrize("value", ["3" * 64, 7, None, ["x"], {"a": "b"}])
def test_a_changed_field_is_found_at_its_line(chain, name, value):
    changed = json.loads(lines(chain)[0])
    chain.path.write_bytes(b"".join([canonical_json(changed | {name: value}).encode() + b"\n", *lines(chain)[1:]]))
    with pytest.raises(UserError, match=r"ledger.jsonl is broken at line 1: it (was changed|is no entry)"):
        chain.verify()


def test_a_changed_entry_with_a_hash_that_fits_is_found_at_the_next_line(chain):
    first, *others = lines(chain)
    chain.path.write_bytes(b"".join([forged(first, asked_by="Eve Example"), *others]))
    with pytest.raises(UserError, match="broken at line 2: it does not follow the line before it"):
        chain.verify()


@pytest.mark.parametrize(
    ("order", "line"), [((0, 2), 2), ((1, 2), 1), ((1, 0, 2), 1), ((0, 2, 1), 2), ((0, 0, 1, 2), 2)]
)
def test_removed_reordered_and_repeated_lines_are_found(chain, order, line):
    old = lines(chain)
    chain.path.write_bytes(b"".join(old[i] for i in order))
    with pytest.raises(UserError, match=f"broken at line {line}: it does not follow the line before it"):
        chain.verify()


@pytest.mark.parametrize(
    "text",
    [
        "", "3", "[]", "{}", '{"unit":NaN}', "\ufffd{", "[" * 100_000, '{"seq":1,"seq":1}',
        '{"hash":"a","previous":"b","seq":1,"kind":"poem"}', '{"hash":1,"previous":"b","seq":1}',
    ],
)  # fmt: skip
def test_a_line_that_is_no_entry_is_found(chain, text):
    first, _, third = lines(chain)
    chain.path.write_bytes(first + text.encode() + b"\n" + third)
    with pytest.raises(UserError, match="broken at line 2: it is no entry of a ledger"):
        chain.verify()


def test_spaces_and_repeated_names_in_a_line_are_found(chain):
    first, *others = lines(chain)
    for changed in (first.replace(b":", b": ", 1), first.replace(b"{", b'{"asked_by":"Eve",', 1)):
        chain.path.write_bytes(b"".join([changed, *others]))
        with pytest.raises(UserError, match="broken at line 1: it is no entry of a ledger"):
            chain.verify()


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_a_torn_last_line_never_verifies_and_is_taken_away_by_the_next_entry(chain, cut):
    first, second, third = lines(chain)
    chain.path.write_bytes(first + second + third[:-cut])
    with pytest.raises(UserError, match="broken at line 3: the file ends in the middle of it"):
        chain.verify()
    assert [link.entry for link in chain.links()] == list(ENTRIES[:2])
    chain.append(ENTRIES[2])
    assert [link.entry for link in chain.verify()] == list(ENTRIES)


def test_a_line_torn_before_the_end_is_not_repaired(chain):
    first, second, third = lines(chain)
    chain.path.write_bytes(first + second[:-9] + third)
    before = chain.path.read_bytes()
    with pytest.raises(UserError, match="broken at line 2"):
        chain.append(ENTRIES[2])
    assert chain.path.read_bytes() == before


def test_a_full_disk_leaves_the_ledger_whole(chain, monkeypatch):
    before = chain.path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left on device"):
        chain.append(ENTRIES[0])
    assert chain.path.read_bytes() == before


def append_many(path, name):
    for number in range(10):
        Chain(path).append(RequestEntry(request=f"{name}-{number}", digest=ONE))


def test_writers_in_several_processes_take_turns(tmp_path):
    path = tmp_path / "ledger.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=append_many, args=(path, name)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len({link.entry.request for link in Chain(path).verify()}) == 30


class TestKey:
    def test_hmac_by_hand_and_the_key_comes_from_the_environment(self, signed, monkeypatch):
        for line in map(json.loads, lines(signed)):
            assert line["hmac"] == hmac.new(KEY, bytes.fromhex(line["hash"]), hashlib.sha256).hexdigest()
        monkeypatch.setenv(KEY_VARIABLE, KEY.decode())
        assert Chain(signed.path) == signed
        assert KEY.decode() not in repr(Chain(signed.path))

    def test_without_the_key_the_chain_is_checked_and_nothing_is_added(self, signed):
        keyless = Chain(signed.path)
        assert len(keyless.verify()) == 3
        with pytest.raises(UserError, match=f"is written with a key: set {KEY_VARIABLE}"):
            keyless.append(ENTRIES[0])
        assert keyless.append() == keyless.verify()[-1].hash

    def test_a_wrong_key_is_found(self, signed):
        wrong = Chain(signed.path, key=b"another")
        for call in (wrong.verify, wrong.append):
            with pytest.raises(UserError, match="broken at line 1: its HMAC is not made with the key"):
                call()

    def test_a_line_added_without_the_key_is_found_with_and_without_it(self, signed):
        head = json.loads(lines(signed)[-1])["hash"]
        added = forged(lines(signed)[0], seq=4, previous=head)
        signed.path.write_bytes(signed.path.read_bytes() + added)
        for chain in (signed, Chain(signed.path)):
            with pytest.raises(UserError, match="broken at line 4: it has no HMAC, and the line before it has"):
                chain.verify()

    def test_a_ledger_written_anew_without_the_key_is_found(self, signed):
        signed.path.unlink()
        Chain(signed.path).append(*ENTRIES)
        with pytest.raises(UserError, match="broken at line 3: it has no HMAC, though"):
            signed.verify()

    def test_a_changed_hmac_is_found(self, signed):
        changed = json.loads(lines(signed)[1])
        for other in ("ab" * 32, "\u00e9", ""):
            line = canonical_json(changed | {"hmac": other}).encode() + b"\n"
            path = signed.path.with_name("other.jsonl")
            path.write_bytes(b"".join([lines(signed)[0], line, lines(signed)[2]]))
            with pytest.raises(UserError, match="broken at line 2: its HMAC"):
                Chain(path, key=KEY).verify()

    def test_a_key_that_comes_later_vouches_for_the_lines_before(self, chain):
        later = Chain(chain.path, key=KEY)
        later.append(ENTRIES[0])
        assert [link.hmac is not None for link in later.verify()] == [False, False, False, True]
        first, *others = lines(chain)
        chain.path.write_bytes(b"".join([forged(first, asked_by="Eve Example"), *others]))
        with pytest.raises(UserError, match="broken at line 2"):
            later.verify()


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_byte_can_be_changed_unnoticed(tmp_path_factory, data):
    """Any one byte replaced, any bytes put in or taken out: found, but for whole lines cut off the end."""
    path = tmp_path_factory.getbasetemp() / "property.jsonl"
    path.unlink(missing_ok=True)
    chain = Chain(path, key=KEY)
    chain.append(*ENTRIES)
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 400)))
    changed = whole[:start] + data.draw(st.binary(max_size=5)) + whole[end:]
    is_cut = whole.startswith(changed) and (changed.endswith(b"\n") or not changed)
    path.write_bytes(changed)
    if changed == whole or is_cut:
        chain.verify()
    else:
        with pytest.raises(UserError, match="is broken at line"):
            chain.verify()
