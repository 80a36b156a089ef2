"""The logic of nights, with runs and audits that only say what they are told to."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from tasks.register import night as night_module
from tasks.register.cases import Cases
from tasks.register.night import Finding, Night, broken_limits
from tasks.register.production import publish, read_production
from tasks.register.record import Record
from tasks.register.register import Register, Registered
from tasks.register.request import Request
from tasks.register.rollback import roll_back_production
from tasks.register.verdict import Verdict, decide_waiting, read_verdict
from tasks.settings.errors import UserError
from tasks.settings.reunlearn import ApprovalSettings
from tasks.store.keys import json_digest
from tasks.store.ledger import verify_ledger
from tests.chaos.attempt import Moment, attempt

EVENING = datetime(2026, 11, 27, 22, 0, tzinfo=UTC)


def request(name: str, **told) -> Request:
    told = {"preset": "lab-toxicity", "asked_by": "someone", "asked_on": EVENING.date()} | told
    return Request.model_validate({"id": name, **told})


@dataclass
class FakeWork:
    """Runs that end as `outcomes` says, accepted where it says nothing; leaks that `leaking` names."""

    house: "House"
    outcomes: dict[str, object] = field(default_factory=dict)
    leaking: set[str] = field(default_factory=set)
    answer: Verdict | None = None
    done: list[tuple] = field(default_factory=list)

    def audit(self, case, model):
        self.done.append(("audit", case.request.id, model.version))
        leaks = ["it is back"] if case.request.id in self.leaking else []
        return Finding({"forget": 0.0, "limit": 0.05}, leaks)

    def begin(self, request, model, forgotten, attempt, released):
        names = sorted(case.request.id for case in forgotten)
        self.done.append(("begin", request.id, model.version, names))
        outcome = self.outcomes.get(f"begin {request.id}")
        if outcome:
            raise outcome
        work = request.model_dump(mode="json", include={"id", "preset", "target", "limits"})
        return f"{request.id}-{json_digest([work, model.digest, attempt])[:6]}"

    def release(self, run):
        name = run.rpartition("-")[0]
        self.done.append(("release", name))
        outcome = self.outcomes.get(name, "accepted")
        if isinstance(outcome, BaseException):
            raise outcome
        folder = self.house.runs_dir / run
        if not (folder / "summary.json").exists():
            self.house.make_model(f"runs/{run}/model")
            reasons = ["not forgotten"] * (outcome == "rejected")
            (folder / "summary.json").write_text(json.dumps({"verdict": outcome, "reasons": reasons}))
            self.leaking.discard(name)
        summary = json.loads((folder / "summary.json").read_text())
        return summary["verdict"], summary["reasons"]

    def decide(self, run, until):
        self.done.append(("ask", run, until))
        return self.answer


class House:
    """A register, a model in production, and what is between."""

    def __init__(self, folder: Path, make_model):
        self.make_model = make_model
        self.runs_dir = folder / "runs"
        self.production = folder / "production" / "production.json"
        self.record = Record.beside(self.production)
        self.cases = Cases(self.record.folder / "cases")
        self.register: dict[str, Request] = {}
        self.refused: dict[str, str] = {}
        self.approval = ApprovalSettings()
        self.max_attempts = 1
        self.work = FakeWork(self)
        publish(self.production, make_model("outside"))

    def ask(self, name: str, **told) -> None:
        self.register[name] = request(name, **told)

    def night(self, *, days: float = 0) -> dict:
        self.work.done.clear()
        register = Register({name: Registered(one, "0" * 64) for name, one in self.register.items()}, self.refused)
        night = Night(
            work=self.work,
            keep=partial(self.record.keep, register=register, production=self.production),
            register=register,
            cases=self.cases,
            production=self.production,
            runs_dir=self.runs_dir,
            approval=self.approval,
            time=EVENING + timedelta(days=days),
            max_attempts=self.max_attempts,
        )
        return self.record.close_night(night.spend(), register, production=self.production, began="now")

    @property
    def version(self):
        return read_production(self.production).current

    def verdicts(self) -> dict[str, str]:
        return {
            path.parent.name: json.loads(path.read_text())["verdict"] for path in self.runs_dir.glob("*/summary.json")
        }


@pytest.fixture
def house(tmp_path, make_model, monkeypatch):
    monkeypatch.setattr("tasks.register.verdict.record_run", lambda path: None)
    return House(tmp_path, make_model)


def told(record: dict) -> list[tuple]:
    return [(one["request"], one["why"], one["verdict"]) for one in record["released"]]


def test_each_limit_that_an_audit_breaks_is_a_sentence():
    def broken(forget: float, saved: float, fresh: float) -> list[str]:
        scores = {"forget": forget, "saved": {"usable": saved}, "fresh": {"usable": fresh}}
        return broken_limits(scores, limit=0.05, max_yield=0.25)

    assert broken(0.05, 0.25, 0.25) == []
    assert broken(0.06, 0.0, 0.0) == ["the forget metric is 0.060, at most 0.05 is allowed"]
    assert broken(0.0, 0.5, 0.0) == ["the yield of saved instructions is 0.500, at most 0.25 is allowed"]
    assert broken(float("nan"), 0.0, 0.26)[1] == "the yield of freshly found ones is 0.260, at most 0.25 is allowed"


class TestNight:
    def test_new_requests_are_released_one_on_top_of_the_other_and_guard_each_other(self, house):
        house.ask("a")
        house.ask("b")
        record = house.night()
        assert told(record) == [("a", "new", "accepted"), ("b", "new", "accepted")]
        begun = [step for step in house.work.done if step[0] == "begin"]
        assert begun == [("begin", "a", 1, []), ("begin", "b", 2, ["a"])]
        assert house.version.version == 3
        assert house.version.run == record["published"][-1]["run"]
        assert record["exit_code"] == 0

    def test_a_night_with_nothing_to_do_says_so_and_leaves_a_record(self, house):
        house.ask("a")
        house.night()
        record = house.night(days=1)
        assert record["outcome"] == "nothing to do (1 audited, 0 leaking)"
        assert record["exit_code"] == 0
        assert house.work.done == [("audit", "a", 2)]
        assert [one["night"] for one in house.record.nights()] == [1, 2]
        verified = verify_ledger(house.record.folder)
        assert verified.num_units == 2

    def test_what_leaks_is_released_again_from_the_model_in_production(self, house, make_model):
        house.ask("a")
        house.ask("b")
        house.night()
        publish(house.production, make_model("fine-tuned"))
        house.work.leaking = {"a"}
        record = house.night(days=1)
        assert told(record) == [("a", "leak", "accepted")]
        assert ("begin", "a", 4, ["b"]) in house.work.done
        assert house.version.version == 5
        assert told(house.night(days=2)) == []

    def test_what_leaks_as_well_is_no_guard_until_it_is_forgotten_again(self, house, make_model):
        house.ask("a")
        house.ask("b")
        house.night()
        publish(house.production, make_model("replaced"))
        house.work.leaking = {"a", "b"}
        house.night(days=1)
        begun = [step[1::2] for step in house.work.done if step[0] == "begin"]
        assert begun == [("a", []), ("b", ["a"])]

    def test_a_model_changed_in_place_becomes_a_version_of_its_own(self, house, make_model):
        house.ask("a")
        house.night()
        make_model(f"runs/{house.version.run}/model", content="tampered")
        record = house.night(days=1)
        assert record["model_changed"]
        assert ("audit", "a", 3) in house.work.done
        assert record["model"]["version"] == 3

    def test_a_rejected_run_publishes_nothing_and_is_not_made_again_until_something_changes(self, house):
        house.ask("a")
        house.work.outcomes["a"] = "rejected"
        record = house.night()
        assert (told(record), record["exit_code"]) == ([("a", "new", "rejected")], 3)
        assert house.version.version == 1
        again = house.night(days=1)
        assert again["exit_code"] == 3
        assert ("release", "a") not in house.work.done
        assert "neither request nor model has changed" in again["released"][0]["reasons"][0]
        house.ask("a", limits={"goal": 0.1})
        house.work.outcomes.clear()
        assert told(house.night(days=2)) == [("a", "new", "accepted")]

    def test_what_its_limits_rejected_is_tried_with_other_draws_so_many_nights(self, house):
        house.max_attempts = 2
        house.ask("a")
        house.work.outcomes["a"] = "rejected"
        runs = [house.night(days=day)["released"][0]["run"] for day in range(3)]
        assert runs[0] != runs[1] == runs[2]
        assert ("release", "a") not in house.work.done
        house.max_attempts = 3
        house.work.outcomes.clear()
        assert told(house.night(days=3)) == [("a", "new", "accepted")]
        assert next(iter(house.cases)).attempts == 0

    def test_what_a_person_rejected_is_not_tried_with_other_draws(self, house):
        house.max_attempts = 3
        house.ask("a")
        run = house.night()["released"][0]["run"]
        roll_back_production(house.production, house.runs_dir, reason="odd", name="Ada")
        house.work.leaking = {"a"}
        for day in (1, 2):
            assert [one["run"] for one in house.night(days=day)["released"]] == [run]
        assert house.version.path.endswith("/outside")

    def test_a_changed_request_is_carried_out_anew_and_one_asked_by_another_is_not(self, house):
        house.ask("a")
        house.night()
        house.ask("a", asked_by="someone else")
        assert told(house.night(days=1)) == []
        house.ask("a", limits={"goal": 0.01})
        assert told(house.night(days=2)) == [("a", "changed", "accepted")]

    def test_a_request_that_has_left_the_register_is_still_audited_and_forgotten_again(self, house):
        house.ask("a")
        house.night()
        del house.register["a"]
        house.work.leaking = {"a"}
        assert told(house.night(days=1)) == [("a", "leak", "accepted")]

    def test_a_killed_run_is_picked_up_before_anything_else(self, house):
        house.ask("a")
        house.work.outcomes["a"] = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            house.night()
        house.work.outcomes.clear()
        house.ask("b")
        record = house.night(days=1)
        assert house.work.done[0] == ("release", "a")
        assert told(record) == [("a", "unfinished", "accepted"), ("b", "new", "accepted")]

    def test_killed_after_the_switch_the_model_is_not_published_twice(self, house, monkeypatch):
        house.ask("a")
        publish_model = night_module.publish

        def publish_and_die(*arguments, **told):
            publish_model(*arguments, **told)
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(night_module, "publish", publish_and_die)
            with pytest.raises(KeyboardInterrupt):
                house.night()
        record = house.night(days=1)
        assert told(record) == [("a", "unfinished", "accepted")]
        assert house.version.version == 2
        assert next(iter(house.cases)).released == house.version.run
        assert ("release", "a") not in house.work.done

    def test_killed_before_it_is_closed_the_ledger_has_each_publication_and_verdict_once(self, house):
        house.ask("a")
        house.ask("b")
        house.work.outcomes["b"] = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            house.night()
        first = house.version.run
        house.work.outcomes.clear()
        house.night(days=1)
        entries = [link.entry for link in verify_ledger(house.record.folder).links]
        runs = ["", first, house.version.run]
        assert [entry.run for entry in entries if entry.kind == "publication"] == runs
        assert [entry.run for entry in entries if entry.kind == "verdict"] == runs[1:]

    def test_a_run_whose_base_is_no_longer_in_production_is_not_published(self, house, make_model):
        house.ask("a")
        house.work.outcomes["a"] = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            house.night()
        house.work.outcomes.clear()
        publish(house.production, make_model("other"))
        record = house.night(days=1)
        assert told(record) == [("a", "unfinished", "superseded"), ("a", "new", "accepted")]
        assert ("begin", "a", 2, []) in house.work.done

    @pytest.mark.parametrize(
        ("error", "verdict", "code"), [(UserError("no room"), "refused", 2), (RuntimeError("ours"), "failed", 1)]
    )
    def test_what_goes_wrong_with_one_request_leaves_the_others_alone(self, house, error, verdict, code):
        house.ask("a")
        house.ask("b")
        house.work.outcomes["a"] = error
        record = house.night()
        assert told(record) == [("a", "new", verdict), ("b", "new", "accepted")]
        assert record["exit_code"] == code

    def test_what_cannot_be_audited_is_told_and_the_others_are(self, house):
        house.ask("a")
        house.ask("b")
        house.night()
        audit = house.work.audit

        def audit_b_only(case, model):
            if case.request.id == "a":
                raise UserError("instructions.jsonl is damaged")
            return audit(case, model)

        house.work.audit = audit_b_only
        record = house.night(days=1)
        assert record["unaudited"] == {"a": "instructions.jsonl is damaged"}
        assert [one["request"] for one in record["audited"]] == ["b"]
        assert record["exit_code"] == 2
        assert "not audited: a" in record["outcome"]

    def test_a_request_that_no_run_can_be_made_of_is_refused_alone(self, house):
        house.ask("a")
        house.ask("b")
        house.work.outcomes["begin a"] = UserError("target.kind is toxicity")
        assert told(house.night()) == [("a", "new", "refused"), ("b", "new", "accepted")]

    def test_a_bad_file_of_the_register_is_in_the_record(self, house):
        house.ask("a")
        house.refused = {"bad.yaml": "bad.yaml, line 3: no."}
        record = house.night()
        assert record["refused"] == house.refused
        assert record["exit_code"] == 2
        assert told(record) == [("a", "new", "accepted")]

    def test_what_is_not_done_by_its_deadline_is_overdue(self, house):
        house.ask("a", deadline=EVENING.date())
        house.work.outcomes["a"] = "rejected"
        assert house.night()["overdue"] == []
        assert house.night(days=1)["overdue"] == ["a"]


class TestApproval:
    @pytest.fixture
    def waiting(self, house):
        """A run that waits; returns its name."""
        house.ask("a", approval={"required": True, "days": 2.0})
        record = house.night()
        assert (told(record), record["exit_code"]) == ([("a", "new", "waiting")], 4)
        return record["released"][0]["run"]

    def decide(self, house, run, decision):
        decide_waiting(house.runs_dir, run, Verdict.make(decision, reason="because", name="Ada"))

    def test_a_run_waits_and_publishes_nothing(self, house, waiting):
        assert house.verdicts() == {waiting: "waiting"}
        assert house.version.version == 1

    def test_it_waits_again_the_next_night_and_holds_the_others(self, house, waiting):
        house.ask("b")
        record = house.night(days=1)
        assert (told(record), record["held"], record["exit_code"]) == ([("a", "unfinished", "waiting")], ["b"], 4)

    def test_approved_the_next_night_publishes_it(self, house, waiting):
        self.decide(house, waiting, "approve")
        record = house.night(days=1)
        assert told(record) == [("a", "unfinished", "accepted")]
        assert house.version.run == waiting
        assert house.verdicts() == {waiting: "accepted"}
        entries = [link.entry for link in verify_ledger(house.record.folder).links]
        assert [one.by for one in entries if one.kind == "verdict"] == ["", "Ada"]

    def test_rejected_it_is_not_published_nor_made_again(self, house, waiting):
        self.decide(house, waiting, "reject")
        assert told(house.night(days=1)) == [("a", "unfinished", "rejected"), ("a", "new", "rejected")]
        assert house.version.version == 1
        summary = json.loads((house.runs_dir / waiting / "summary.json").read_text())
        assert (summary["verdict"], summary["reasons"]) == ("rejected", ["rejected by Ada: because"])

    @pytest.mark.parametrize(("default", "version"), [("approve", 2), ("reject", 1)])
    def test_after_the_deadline_the_default_holds(self, house, default, version):
        house.ask("a", approval={"required": True, "days": 2.0, "default": default})
        run = house.night()["released"][0]["run"]
        assert house.night(days=1.9)["exit_code"] == 4
        house.night(days=2)
        assert house.version.version == version
        verdict = read_verdict(house.runs_dir / run)
        assert (verdict.decision, verdict.name) == (default, "(nobody)")

    def test_where_a_person_can_be_asked_the_answer_holds_at_once(self, house):
        house.ask("a", approval={"required": True, "days": 2.0})
        house.work.answer = Verdict.make("approve", reason="fine", name="Ada")
        assert told(house.night()) == [("a", "new", "accepted")]
        asked = next(step for step in house.work.done if step[0] == "ask")
        assert asked[2] == EVENING + timedelta(days=2)
        assert house.version.version == 2

    def test_asked_by_suspending_the_next_start_goes_on_with_the_answer(self, house):
        class Suspended(BaseException):
            pass

        house.ask("a", approval={"required": True})
        decide = house.work.decide

        def suspend(run, until):
            raise Suspended

        house.work.decide = suspend
        with pytest.raises(Suspended):
            house.night()
        assert set(house.verdicts().values()) == {"waiting"}
        house.work.decide = decide
        house.work.answer = Verdict.make("approve", reason="fine", name="Ada")
        assert told(house.night()) == [("a", "unfinished", "accepted")]

    def test_the_settings_can_ask_for_approval_of_every_run(self, house):
        house.approval = ApprovalSettings(required=True)
        house.ask("a")
        assert told(house.night()) == [("a", "new", "waiting")]

    @pytest.mark.parametrize(
        ("run", "words"), [("../outside", "give the name of a run"), ("nothing-abc", "has not ended")]
    )
    def test_only_a_run_that_waits_can_be_decided_on(self, house, waiting, run, words):
        with pytest.raises(UserError, match=words):
            self.decide(house, run, "approve")

    def test_a_verdict_is_given_once_with_a_reason_and_a_name(self, house, waiting):
        with pytest.raises(UserError, match="reason is empty"):
            Verdict.make("approve", reason=" ", name="Ada")
        self.decide(house, waiting, "approve")
        with pytest.raises(UserError, match="has a verdict already"):
            self.decide(house, waiting, "reject")

    def test_a_damaged_verdict_is_named_and_nothing_is_published(self, house, waiting):
        (house.runs_dir / waiting / "verdict.json").write_text('{"decision": "yes"}')
        with pytest.raises(UserError, match=r"verdict\.json is damaged"):
            house.night(days=1)
        assert house.version.version == 1


def test_what_was_rolled_back_is_rejected_and_no_night_publishes_it_again(house):
    house.ask("a")
    run = house.night()["released"][0]["run"]
    back = roll_back_production(house.production, house.runs_dir, reason="answers are odd", name="Ada")
    assert back.current.path.endswith("/outside")
    assert house.verdicts() == {run: "rejected"}
    house.work.leaking = {"a"}
    record = house.night(days=1)
    assert told(record) == [("a", "leak", "rejected")]
    assert house.version.path.endswith("/outside")
    verify_ledger(house.record.folder)


def roll_back_as(name, house) -> int:
    roll_back_production(house.production, house.runs_dir, reason="odd", name=name)
    return 0


def killed_rollbacks(tmp_path, make_model):
    """Houses in which Ada's rollback of a run got a SIGKILL at its n-th operation on files; the last came through."""
    for operation in count(1):
        folder = tmp_path / str(operation)
        house = House(folder, lambda name, folder=folder: make_model(f"{folder.name}/{name}"))
        house.ask("a")
        run = house.night()["released"][0]["run"]
        ended = attempt(partial(roll_back_as, "Ada", house), folder, kill_at=Moment(operation=operation))
        yield house, run
        if not ended.is_killed:
            assert ended.code == 0, ended.words
            return


@pytest.mark.parametrize("is_night_between", [False, True])
def test_a_rollback_that_was_killed_is_finished_by_the_next_and_never_switches_forward(
    tmp_path, make_model, monkeypatch, is_night_between
):
    monkeypatch.setattr("tasks.register.verdict.record_run", lambda path: None)
    switched = []
    for house, run in killed_rollbacks(tmp_path, make_model):
        switched.append(house.version.version == 3)
        if is_night_between:
            house.work.leaking = {"a"} if switched[-1] else set()
            house.night(days=1)
            assert (house.version.version == 3) == switched[-1], "the night has published it again"
        roll_back_as("Bob", house)
        assert (house.version.path.rpartition("/")[2], house.version.version) == ("outside", 3)
        assert house.verdicts() == {run: "rejected"}
        entries = [link.entry for link in verify_ledger(house.record.folder).links]
        last = [entry for entry in entries if entry.kind == "publication"][-1]
        assert (last.run, last.by) in [("", "Ada"), ("", "Bob")]
        house.work.leaking = {"a"}
        assert told(house.night(days=2)) == [("a", "leak", "rejected")]
        assert house.version.version == 3
    assert switched == sorted(switched)
    assert switched.count(False) > 2, "it was not killed before the switch"
    assert switched.count(True) > 2, "it was not killed after the switch"
