"""All numbers are invented."""

from xml.etree import ElementTree

from tasks.report.comparison_page import comparison_page, comparison_plot
from tests.tasks.report.invented import invented_comparison
from tests.tasks.report.reading import Page, assert_can_be_read_aloud, assert_stands_by_itself


def text_of(comparison):
    return Page(comparison_page(comparison)).text


def test_the_page_stands_by_itself_and_can_be_read_aloud():
    assert_can_be_read_aloud(assert_stands_by_itself(comparison_page(invented_comparison())))


def test_papers_are_linked_and_other_sources_are_not():
    comparison = invented_comparison()
    comparison["rows"][0]["source"] = "javascript:alert(1)"
    page = assert_stands_by_itself(comparison_page(comparison))
    assert "https://arxiv.org/abs/2404.05868" in page.links
    assert "javascript:alert(1)" in page.text


def test_it_says_what_was_compared_and_how_it_came_out():
    text = text_of(invented_comparison())
    assert "the same forget data, which the model itself had revealed" in text
    assert "2 settings of each were tried on other prompts, the best is shown: NPO, RMU, Gradient ascent." in text
    assert "No settings were tried here for Reveal-and-Release" in text
    assert "A model ( lab ) was to forget toxicity : rude remarks" in text
    assert "Before, the forget metric was 0.950." in text
    assert "within all limits, on every seed: Reveal-and-Release (0.031 / 0.021), NPO (0.036 / 0.016)." in text
    assert "On none: RMU (0.231 / 0.026), Gradient ascent (0.021 / 0.416)." in text


def test_the_ranking_holds_means_and_marks_who_breaks_limits():
    text = text_of(invented_comparison())
    assert "A. Reveal-and-Release arXiv:2509.14624 1 = 2 of 2 0.011 0.031 0.016 +1.5% 0.111 4.400 0.620 80" in text
    assert "D. Gradient ascent breaks limits arXiv:2210.01504 4 0 of 2 0.001 0.021 0.411 +41.0%" in text
    assert "E. gold: trained again without the data – 2 of 2" in text


def test_seeds_settings_and_all_trials_are_there():
    text = text_of(invented_comparison())
    assert "0 met kept 0.950 → 0.015 0.015 0.035 0.010 +1.0% 0.115 0.025 4.400 5.400 0.710 0.071" in text
    assert "1 met kept 0.950 → 0.017" in text
    assert "seed learning_rate 0 0.001 1 0.001" in text
    assert "0 1 learning_rate 0.001 0.015 0.010 +2.0% 5.500 chosen" in text
    assert "0 2 learning_rate 0.01 the loss is not finite" in text


def test_costs_and_what_is_missing_are_told():
    text = text_of(invented_comparison())
    assert "simnpo, seed 1: the budget of 30 minutes was used up" in text
    assert "Gradient ascent 100 1600 4 4" in text


def test_what_cannot_be_concluded_depends_on_what_is_there():
    text = text_of(invented_comparison())
    assert "There are 2 seeds" in text
    assert "was not tried" not in text
    one = invented_comparison(seeds=(0,))
    for row in one["rows"]:
        row["durability"] = {}
    one["original"] = {"0": {}}
    text = text_of(one)
    assert "This is one seed" in text
    for probe in ("Relearning", "Membership inference", "Extraction"):
        assert f"{probe} was not tried: whether" in text
    assert text.count("Not tested.") == 3


def test_a_recovery_test_that_some_methods_lack_is_said_to_be_missing_and_shown_of_the_others():
    comparison = invented_comparison()
    for row in comparison["rows"]:
        if row["label"] == "rmu" and row["seed"] == 1:
            del row["durability"]["extraction"]
    text = text_of(comparison)
    assert "Extraction was not tried on every seed of RMU: whether" in text
    searches = text[text.index("Extraction: searching again") : text.index("Membership inference Area")]
    assert "original 0.475 0.095 0.475 0.095" in searches
    assert "NPO 0.355 0.071 0.355 0.071" in searches
    assert "RMU" not in searches


def test_each_method_has_a_relearning_curve_beside_the_original_and_gold():
    page = Page(comparison_page(invented_comparison()))
    assert page.text.count("forget metric while it is fine-tuned on forget pairs") == 6
    comparison = invented_comparison()
    comparison["rows"] = [row for row in comparison["rows"] if row["label"] == "npo"]
    comparison["original"] = {}
    text = text_of(comparison)
    assert text.count("forget metric while it is fine-tuned on forget pairs") == 1


def test_a_comparison_with_no_rows_yet_has_a_page_and_a_plot():
    comparison = invented_comparison() | {"rows": [], "original": {}}
    page = assert_stands_by_itself(comparison_page(comparison))
    assert "No method has a result yet." in page.text
    assert ElementTree.fromstring(comparison_plot(comparison)) is not None


def test_hostile_names_are_escaped():
    hostile = "<script>alert('1')</script>"
    comparison = invented_comparison() | {"name": hostile, "model": hostile, "target": hostile}
    comparison["missing"] = [{"method": hostile, "seed": 0, "why": hostile}]
    for row in comparison["rows"][:2]:
        row |= {"title": hostile, "settings": {hostile: hostile}}
    page = assert_stands_by_itself(comparison_page(comparison))
    assert page.text.count(hostile) >= 8
    assert "<script" not in comparison_plot(comparison)


def test_the_plot_is_a_file_that_names_every_method():
    plot = comparison_plot(invented_comparison())
    words = [element.text for element in ElementTree.fromstring(plot).iter("{http://www.w3.org/2000/svg}text")]
    assert {"A  Reveal-and-Release", "B  NPO", "D  Gradient ascent (breaks limits)", "full", "int8", "int4"} <= set(
        words
    )
    assert "href" not in plot
