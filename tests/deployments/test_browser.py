"""A person's way, with a real browser: fill in the form of the by-hand deployment, submit it, look at what came of it.

Needs Debian's chromium and `pip install playwright`; takes minutes. Pictures are left in pytest's `tmp_path`.
"""

import json
import shutil
import time

import httpx
import pytest
from transformers import AutoModelForCausalLM

from tests.deployments.conftest import WORKER, ask, background

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.prefect,
    pytest.mark.lab,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

FLAGS = (
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
)  # fmt: skip
"""The last two draw the run's graph without a GPU."""
SEED = 12
"""Of a lab model on which nothing of the README was measured."""


@pytest.fixture
def page():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(180_000)
        yield page
        browser.close()


@pytest.fixture
def worker(server, bootstrapped, workplace, tmp_path):
    with background(*WORKER, environment=server, log=tmp_path / "worker.log", folder=workplace):
        yield


def fill_and_submit(page, site, *, seed, pictures):
    """Through the UI from its first page; ends on the page of the new flow run."""
    page.goto(site)
    page.get_by_role("link", name="Deployments").click()
    page.get_by_role("link", name="by-hand", exact=True).click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Custom run").click()
    page.get_by_label("Seed (Optional)", exact=True).fill(str(seed))
    page.get_by_label("Deadline Minutes (Optional)", exact=True).fill("30")
    page.screenshot(path=pictures / "form.png")
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("link", name="View run").click()
    page.wait_for_url("**/runs/flow-run/**")
    return page.url.rsplit("/", 1)[-1].partition("?")[0]


def ended(server, flow_run, *, within_s):
    """The flow run, once it has ended."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        found = ask(server, "GET", f"flow_runs/{flow_run}")
        if found["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
            return found
        time.sleep(3)
    pytest.fail(f"the flow run is still {found['state_name']}")


def photograph_run(page, api, name, pictures):
    """The run's page, its artifacts, and the picture among them, as a person sees them."""
    page.reload()
    page.get_by_role("tab", name="Artifacts").wait_for()
    page.wait_for_timeout(15_000)  # the graph is a canvas: there is nothing to wait for
    page.screenshot(path=pictures / "run.png")
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text(f"tradeoff-{name}").wait_for()
    page.get_by_text(f"scores-{name}").wait_for()
    page.wait_for_timeout(5_000)
    page.screenshot(path=pictures / "artifacts.png")
    body = {"artifacts": {"key": {"any_": [f"tradeoff-{name}"]}}}
    (found,) = httpx.post(f"{api}/artifacts/latest/filter", json=body).raise_for_status().json()
    page.goto(f"{api.removesuffix('/api')}/v2/artifacts/artifact/{found['latest_id']}")
    page.get_by_role("img", name="step by step").wait_for()
    page.screenshot(path=pictures / "tradeoff.png")


def test_a_form_filled_in_leads_to_an_accepted_model(server, worker, workplace, page, tmp_path):
    api = server["PREFECT_API_URL"]
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    flow_run = fill_and_submit(page, api.removesuffix("/api"), seed=SEED, pictures=tmp_path)
    found = ended(server, flow_run, within_s=1700)
    assert (found["state_type"], found["state"]["message"]) == ("COMPLETED", "accepted")
    assert found["name"] == f"lab-toxicity-s{SEED}"
    photograph_run(page, api, found["name"], tmp_path)

    run = workplace / "runs" / f"lab-toxicity-s{SEED}"
    assert json.loads((run / "summary.json").read_text())["verdict"] == "accepted"
    assert AutoModelForCausalLM.from_pretrained(run / "model").num_parameters() > 0
    body = {"filter": {"event": {"name": ["reveal-release.step.accepted", "reveal-release.run.accepted"]}}}
    events = httpx.post(f"{api}/events/filter", json=body).raise_for_status().json()["events"]
    assert {event["event"] for event in events} == set(body["filter"]["event"]["name"])
    # Prefect's pages ask for one address outside even with its analytics off, and miss nothing when it is out of reach.
    outside = {url for url in asked if not url.startswith((api.removesuffix("/api"), "data:", "blob:"))}
    assert all("amplitude.com" in url for url in outside), outside
