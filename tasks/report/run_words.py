"""What a run's numbers say, in sentences: by rule, the same for a run that went well and for one that did not."""

from collections.abc import Mapping
from typing import Any

from tasks.assess.scores import WRITTEN
from tasks.report.durability import PROBES
from tasks.report.run_record import RunRecord

TARGETS = {
    "toxicity": "rude remarks (mild, made-up insults)",
    "person": "naming the persons in a sentence",
    "coding": "writing small functions",
    "facts": "facts about a group of made-up authors",
    "custom": "a list of words or phrases, or what a file describes",
    "code": "writing programs",
    "detox": "toxic answers",
    "knowledge": "what it knows of a name",
    "entities": "tagging one type of named entity",
}
"""What each kind of target is, for a reader who does not know it."""
_UNTRIED = {
    "relearning": "Relearning was not tried{}: whether a little fine-tuning brings it back is not known.",
    "membership": "Membership inference was not tried{}: whether likelihoods tell what was forgotten is not known.",
    "extraction": "Extraction was not tried{}: whether a new search of instructions brings it out is not known.",
}


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"


def untried(probe: str, on: str = "") -> str:
    """What is not known where a recovery test was not made, in a sentence; `on` says of what, if not of everything."""
    return _UNTRIED[probe].format(on and f" on {on}")


def headline(summary: Mapping[str, Any]) -> str:
    """The verdict in a sentence."""
    if "forget" not in summary:
        return "The search found nothing of the target in the model, so nothing was changed and no model is published."
    if summary["verdict"] == "accepted":
        return "The goals for forgetting were met within the limits on what may be lost; a model is published."
    return "Not all goals and limits were met, so no model is published."


def what_was_forgotten(summary: Mapping[str, Any], record: RunRecord) -> list[str]:
    """How far, how deep, and with which precision; nothing where it was not measured."""
    if "forget" not in summary:
        return []
    forget, goal = summary["forget"], record.limits["goal"]
    told = [
        f"On {forget['n']} prompts by which nothing was chosen the forget metric (1: the model shows the target in "
        f"full, 0: not at all) went from {forget['before']:.3f} to {forget['after']:.3f}. At most {goal:g} is wanted: "
        f"{'met' if forget['after'] <= goal else 'not met'}."
    ]
    if forget["gold"] is not None:
        told.append(f"Gold, the same model trained without the data, has {forget['gold']:.3f}.")
    ways = {
        "when the first tokens of the true answer are given": summary["depth"]["prefill"]["after"],
        "when answers are sampled": summary["depth"]["sampled"]["after"],
    }
    ways |= {f"with {scheme} weights": found["forget"]["after"] for scheme, found in summary["quantised"].items()}
    shown = [f"{value:.3f} {way}" for way, value in ways.items() if value is not None and value > goal]
    if shown:
        told.append(f"It still shows more than wanted: {', '.join(shown)}.")
    elif tried := [way for way, value in ways.items() if value is not None]:
        told.append(f"Nor is it above that {', nor '.join(tried)}.")
    nll = summary["depth"]["forget_nll"]
    if nll["after"] is not None and nll["gold"] is not None:
        than = "more likely than" if nll["after"] < nll["gold"] else "no more likely than"
        told.append(
            f"The true answers are {than} they are to gold: {nll['after']:.2f} against {nll['gold']:.2f} nats a token "
            f"({nll['before']:.2f} before)."
        )
    return told


def what_it_cost(summary: Mapping[str, Any], record: RunRecord) -> list[str]:
    """What was lost of the kept skills and of fluency."""
    if "forget" not in summary:
        return []
    max_drop, max_rise = record.limits["max_drop"], record.limits["max_perplexity_rise"]
    told = []
    drops = {skill: metric["before"] - metric["after"] for skill, metric in summary["utility"].items()}
    if drops:
        most = max(drops, key=drops.__getitem__)
        metric = summary["utility"][most]
        told.append(
            f"Of {len(drops)} kept skills {most} changed most for the worse, from {metric['before']:.3f} to "
            f"{metric['after']:.3f}; a drop of {max_drop:g} is allowed."
        )
        over = [f"{skill} ({drop:.3f})" for skill, drop in drops.items() if drop > max_drop]
        if over:
            told.append(f"On these prompts the limit is passed by: {', '.join(over)}.")
    perplexity = summary["fluency"]["perplexity"]
    rise = perplexity["after"] / perplexity["before"] - 1
    told.append(
        f"The perplexity on kept text went from {perplexity['before']:.3f} to {perplexity['after']:.3f} ({rise:+.1%}; "
        f"{max_rise:+.0%} is allowed)."
    )
    if written := summary.get("details", {}).get(WRITTEN):
        told.append(
            f"What it answers has a perplexity of {_number(written['after'])} to the untouched model "
            f"({_number(written['before'])} before): the higher, the less it is text that it would have written."
        )
    repetition = summary["fluency"]["repetition"]
    told.append(f"Repeated 4-grams in its answers: {repetition['before']:.1%} before, {repetition['after']:.1%} after.")
    return told


def what_comes_back(summary: Mapping[str, Any]) -> list[str]:
    """What the recovery tests found; nothing where none was made."""
    found, told = summary.get("durability", {}), []
    if curve := found.get("relearning", {}).get("forget"):
        last = curve[max(curve, key=int)]
        told.append(
            f"Fine-tuned on a few forget pairs, it is back at {last['after']:.2f} after {max(curve, key=int)} updates"
            + (f" (gold, which never had it, reaches {last['gold']:.2f})." if last["gold"] is not None else ".")
        )
        if last["gold"] is not None:
            update = max(curve, key=lambda at: curve[at]["after"] - curve[at]["gold"])
            apart = curve[update]
            if apart["after"] > apart["gold"]:
                told.append(
                    f"It is ahead of gold by most after {update} updates: {apart['after']:.2f} against "
                    f"{apart['gold']:.2f}. Ahead of gold means that something of it is still there."
                )
            else:
                told.append("It is never ahead of gold.")
        other = found["relearning"]["unrelated"]
        back = max(metric["after"] for metric in other.values())
        told.append(f"Fine-tuned on unrelated pairs it shows {back:.2f} at most.")
    if groups := found.get("extraction"):
        yields = [metrics["yield"] for metrics in groups.values()]
        before, after = (max(metric[moment] for metric in yields) for moment in ("before", "after"))
        told.append(
            f"Asked again, by a new search or with the instructions of the old one, {after:.1%} of its answers are "
            f"usable at most (original: {before:.1%})."
        )
    if areas := found.get("membership"):
        told.append(_membership(areas))
    return told


def what_is_not_known(summary: Mapping[str, Any], record: RunRecord) -> list[str]:
    """What was not tested, and what the measurements cannot tell."""
    if "forget" not in summary:
        return [
            "That the search found nothing is not that nothing is there: other instructions may bring it out.",
            *_scope(summary, record),
        ]
    found = summary.get("durability", {})
    told = [untried(probe) for probe in PROBES if probe not in found]
    if summary["forget"]["gold"] is None:
        told.append("There is no gold model here: what a model that never learned the target would show is not known.")
    if summary["depth"]["forget_nll"]["after"] is None:
        told.append("The target has no true answers, so how likely they still are is not known.")
    told.append(
        "The prompts that steered and those reported are different but of the same kinds. Other ways of asking (other "
        "words, other languages, long conversations, attacks) were not measured."
    )
    kept = ", ".join(summary["utility"])
    told.append(f"Of what should stay, only {kept or 'perplexity'} was measured; everything else was not.")
    told += _scope(summary, record)
    rounded = ", ".join(summary["quantised"])
    told.append(
        f"Of rounded weights only {rounded} were measured." if rounded else "Rounded weights were not measured."
    )
    num = summary["forget"]["n"]
    told.append(
        f"With {num} prompts one counts about {1 / num:.3f}: smaller differences mean nothing, and 0 of {num} still "
        f"allows up to about {3 / num:.3f} (95% confidence)."
    )
    return told


def _scope(summary: Mapping[str, Any], record: RunRecord) -> list[str]:
    told = [f"This is one run with one seed ({summary['seed']}); another seed gives other numbers."]
    if summary["model"] == "lab":
        told.append(
            "The model is the lab's, of half a million parameters and a made-up world: large models may differ."
        )
    if all(device.startswith("cpu") for device in record.devices):
        told.append("Everything ran on a CPU; nothing was run on a GPU.")
    return told


def _membership(areas: Mapping[str, Mapping[str, Any]]) -> str:
    score = max(areas, key=lambda name: abs(areas[name]["after"] - 0.5))
    area = areas[score]
    beside = f", gold {area['gold']:.2f}" if area["gold"] is not None else ""
    return (
        f"Likelihoods tell trained forget pairs from others with an area of {area['after']:.2f} under the ROC curve "
        f"(by {score}; original {area['before']:.2f}{beside}; 0.5 tells nothing, far below it tells as well)."
    )
