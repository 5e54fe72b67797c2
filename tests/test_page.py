"""The interactive page, in a real browser: every test also checks that it says nothing to the console and asks nobody."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import re

import browser as graphs
import numpy as np
import pytest

from autonn.texts import printable
from viz.page import page

try:
    from playwright.sync_api import sync_playwright
except ImportError:
    sync_playwright = None


def unavailable(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{why}; on CI the page must be tested")
    pytest.skip(why)


@pytest.fixture(scope="session")
def chrome():
    if sync_playwright is None:
        unavailable("playwright is not installed: pip install playwright")
    path = graphs.chromium()
    if path is None:
        unavailable(f"no browser ({', '.join(graphs.NAMES)}) on PATH, nor in AUTONN_CHROMIUM")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=graphs.FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def show(chrome, tmp_path):
    """Open page data in a tab of its own: show(data, "#step=3")."""
    tabs = []

    def open_tab(data, address="", **options):
        file = tmp_path / f"{len(tabs)}.html"
        file.write_text(page(data), "utf-8")
        context = chrome.new_context(
            **{"viewport": {"width": 1400, "height": 1700}, "reduced_motion": "reduce"} | options
        )
        context.set_default_timeout(8000)
        tab = context.new_page()
        heard = []
        tab.on("console", lambda message: heard.append(message.text))
        tab.on("pageerror", lambda error: heard.append(str(error)))
        tab.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
        tab.on(
            "request",
            lambda request: (
                heard.append(request.url) if request.url.split("#")[0] != file.as_uri() else None
            ),
        )
        tabs.append((context, heard))
        tab.goto(file.as_uri() + address)
        return tab

    yield open_tab
    for context, heard in tabs:
        context.close()
        assert heard == []


def act(tab, *actions):
    """Do what stands in the words: a selector to click, or "key:" and a key, n times after "*"."""
    for action in actions:
        action, _, times = action.partition("*")
        for _ in range(int(times or 1)):
            if action.startswith("key:"):
                tab.keyboard.press(action[4:])
            else:
                tab.click(action)


def keys(tab, selector):
    return set(tab.eval_on_selector_all(selector, "found => found.map(e => e.dataset.key)"))


def address(tab):
    return tab.evaluate("location.hash")


def text(tab, selector):
    return " ".join(tab.inner_text(selector).split())


def svg_text(tab, selector):
    """SVG elements have no inner text."""
    return tab.text_content(selector)


# ----- the walk -----


@pytest.mark.parametrize("graph", [graphs.batchnorm, graphs.diamond, graphs.unrolled])
@pytest.mark.parametrize("leaves_told", [False, True])
def test_each_step_lights_what_backprop_has_done(show, graph, leaves_told):
    data = graph()
    nodes, order = data["nodes"], data["order"]
    told = [n["id"] for n in reversed(nodes) if n["grads"]] if leaves_told else order
    tab = show(data | {"order": told})  # a leaf is no step of its own
    for step in range(len(order) + 1):
        done = set(order[:step])
        leaves = {n["id"] for n in nodes if not n["inputs"] and n["grads"]}
        whole = {i for i in leaves if all(n["id"] in done for n in nodes if i in n["inputs"])}
        passed = {(f"n{i}", f"n{v}") for v in done for i in nodes[v]["inputs"] if nodes[i]["grads"]}
        live = {pair for pair in passed if step and pair[1] == f"n{order[step - 1]}"}
        read = "found => found.map(e => [e.dataset.from, e.dataset.to])"
        assert {tuple(e) for e in tab.eval_on_selector_all(".edge.passed", read)} == passed
        assert {tuple(e) for e in tab.eval_on_selector_all(".edge.live", read)} == live
        assert keys(tab, ".card.active") == ({f"n{order[step - 1]}"} if step else set())
        waiting = {n["id"] for n in nodes if n["grads"]} - done - whole if step else set()
        assert keys(tab, ".card.dim") == {f"n{i}" for i in waiting}
        kept = {i for i in whole if nodes[i]["kind"] == "parameter"} if step else set()
        assert keys(tab, ".card.kept") == {f"n{i}" for i in kept}
        act(tab, "key:ArrowRight")


WALKS = [
    ([], "press step to run backward"),
    (["#step"], "backward 1/15: mean loss"),
    (["#step*9"], "backward 9/15: add"),
    (["key:j*9", "key:k*2"], "backward 7/15: divide x̂"),
    (["key:ArrowRight*3", "key:ArrowLeft", "#back"], "backward 1/15: mean loss"),
    (["key:End"], "backward 15/15: matmul"),
    (["key:End", "key:ArrowRight"], "backward 15/15: matmul"),
    (["key:End", "key:Home"], "press step to run backward"),
    (["#step*4", "key:Escape"], "press step to run backward"),
    (["key:ArrowLeft"], "press step to run backward"),
]


@pytest.mark.parametrize(("actions", "moment"), WALKS)
def test_walking(show, actions, moment):
    tab = show(graphs.batchnorm())
    act(tab, *actions)
    assert text(tab, "#moment") == moment
    assert tab.is_disabled("#back") == (not moment.startswith("backward"))
    assert tab.is_disabled("#step") == moment.startswith("backward 15")


def test_a_group_is_passed_with_its_last_node(show):
    tab = show(woven())
    act(tab, "key:j*2")
    assert text(tab, "#moment") == "backward 2/3: cos"
    assert keys(tab, ".card.dim") == {"n0", "g0"}
    act(tab, "key:j")
    assert text(tab, "#moment") == "backward 3/3: Woven"
    assert keys(tab, ".card.dim") == set()


def test_a_closed_group_is_one_step(show):
    tab = show(graphs.batchnorm())
    act(tab, "[data-shut='1']", "key:Home", "key:ArrowRight*5")
    assert text(tab, "#moment") == "backward 5/7: BatchNorm1d bn"
    act(tab, ".card.active .plus")
    assert text(tab, "#moment") == "backward 13/15: mean μ"


def test_playing_and_pausing(show):
    tab = show(graphs.diamond())
    tab.select_option("#speed", "4")
    act(tab, "key: ")
    tab.wait_for_function(
        "() => document.getElementById('moment').textContent.startsWith('backward 3/3')"
    )
    tab.wait_for_function("() => document.getElementById('play').textContent === 'play'")
    act(tab, "#play")
    assert text(tab, "#play") == "pause"
    tab.wait_for_function(
        "() => document.getElementById('moment').textContent.startsWith('backward 1/3')"
    )
    act(tab, "#play")
    assert text(tab, "#play") == "play"


def test_the_view_follows_the_walk(show):
    tab = show(graphs.batchnorm(), viewport={"width": 1400, "height": 700})
    for _ in range(15):
        act(tab, "key:ArrowRight")
        box, stage = (
            tab.locator(".card.active .plate").bounding_box(),
            tab.locator("#stage").bounding_box(),
        )
        assert stage["x"] < box["x"]
        assert stage["y"] < box["y"]
        assert box["x"] + box["width"] < stage["x"] + stage["width"]
        assert box["y"] + box["height"] < stage["y"] + stage["height"]


# ----- addresses -----

LINKS = [  # address, moment, chosen, colour, the address that it becomes
    ("#step=9", "backward 9/15: add", "n12", "kind", "#step=9"),
    ("#node=12", "press step to run backward", "n12", "kind", "#node=12"),
    ("#colour=error", "press step to run backward", "n21", "error", "#colour=error"),
    (
        "#step=2&node=4&colour=gradient",
        "backward 2/15: square",
        "n4",
        "gradient",
        "#step=2&node=4&colour=gradient",
    ),
    ("#group=1&shut=1", "press step to run backward", "g1", "kind", "#group=1&shut=1"),
    ("#step=99", "backward 15/15: matmul", "n3", "kind", "#step=15"),
    (
        "#step=-4&node=999&colour=pink&open=77&group=x",
        "press step to run backward",
        "n21",
        "kind",
        "",
    ),
    ("#%3Cscript%3E", "press step to run backward", "n21", "kind", ""),
]


@pytest.mark.parametrize(("link", "moment", "chosen", "colour", "becomes"), LINKS)
def test_links(show, link, moment, chosen, colour, becomes):
    tab = show(graphs.batchnorm(), link)
    for _ in range(2):  # on loading, and when the address changes in an open page
        assert text(tab, "#moment") == moment
        assert keys(tab, ".card.chosen") == {chosen}
        assert tab.input_value("#colour") == colour
        assert address(tab) == becomes
        act(tab, "key:Escape")
        tab.evaluate("() => { location.hash = '#node=0' }")
        tab.wait_for_selector("[data-key=n0].chosen")
        tab.evaluate("link => { location.hash = link }", link)
        tab.wait_for_function("link => location.hash === link", arg=becomes)


ADDRESSES = [
    (["#step*3"], "#step=3"),
    (["key:c"], "#colour=gradient"),
    (["key:c*3"], ""),
    (["[data-key=n20]"], "#node=20"),
    (["#step", "[data-key=n20]", "key:c*2"], "#step=1&node=20&colour=error"),
    (["[data-shut='2']"], "#shut=2"),
]


@pytest.mark.parametrize(("actions", "becomes"), ADDRESSES)
def test_the_address_is_kept_up_to_date(show, actions, becomes):
    tab = show(graphs.batchnorm())
    act(tab, *actions)
    assert address(tab) == becomes


# ----- cards and groups -----


def test_cards_say_what_they_are(show):
    data = graphs.batchnorm()
    data["nodes"][20]["dtype"] = "float32"
    data["nodes"][20]["grad"] = graphs.stats(0, "inf", 256)
    data["nodes"][17]["grad"] = graphs.stats(0, 3e7, 256)
    tab = show(data)
    lines = {
        n: tab.eval_on_selector_all(
            f"[data-key=n{n}] > text",
            "found => found.map(t => [...t.children].map(s => s.textContent).join(' '))",
        )
        for n in (1, 7, 8, 17, 20, 21)
    }
    assert lines == {
        1: ["weight", "16×8 | grad 0.39"],
        8: ["mean axis=0 μ", "1×8 | grad 0.45"],
        7: ["ε = 1e-05"],
        17: ["relu", "32×8 | grad 3e7"],
        20: ["square", "32×8 float32 | grad ∞"],
        21: ["mean loss", "0.8"],
    }
    assert keys(tab, ".card:has(.zero)") == {"n2"}
    assert keys(tab, ".card:has(.wild)") == {"n17", "n20"}
    assert tab.locator(".edge text").count() == sum(sum(n["broadcast"]) for n in data["nodes"]) == 6


TOGGLES = [  # graph, what is clicked or pressed, cards, boxes
    (graphs.batchnorm, [], 22, 3),
    (graphs.batchnorm, ["[data-shut='0']"], 19, 2),
    (graphs.batchnorm, ["[data-shut='1']"], 11, 2),
    (graphs.batchnorm, ["[data-shut='0']", "[data-shut='1']", "[data-shut='2']"], 5, 0),
    (graphs.batchnorm, ["[data-shut='0']", "[data-key=g0] .plus"], 22, 3),
    (graphs.batchnorm, ["[data-shut='0']", "[data-key=g0]", "#opener"], 22, 3),
    (graphs.blocks, [], 3, 0),
    (graphs.blocks, ["[data-key=g0] .plus"], 4, 1),
    (graphs.blocks, ["[data-key=g0] .plus", "[data-key=g1] .plus"], 20, 5),
    (graphs.blocks, ["[data-key=g0] .plus", "[data-key=g1] .plus", "[data-shut='0']"], 3, 0),
]


@pytest.mark.parametrize(("graph", "actions", "cards", "boxes"), TOGGLES)
def test_opening_and_closing(show, graph, actions, cards, boxes):
    tab = show(graph())
    act(tab, *actions)
    assert (
        tab.locator(".card").count(),
        tab.locator(".box").count(),
        tab.locator(".header").count(),
    ) == (cards, boxes, boxes)


def test_a_repeat_group_is_a_stack(show):
    tab = show(graphs.blocks(), "#group=0")
    assert tab.locator("[data-key=g0] .under").count() == 2
    assert svg_text(tab, "[data-key=g0] .pill text") == "×12"
    panel = text(tab, "#panel")
    for part in ("Block blocks ×12", "38 nodes", "matmul ×4", "16,768", "open this group"):
        assert part in panel
    tab.dblclick("[data-key=g0] .op")
    assert tab.locator(".card").count() == 4


def test_a_group_stays_where_it_was_clicked(show):
    tab = show(graphs.batchnorm())
    before = tab.locator("[data-box='2']").bounding_box()
    act(tab, "[data-shut='2']")
    after = tab.locator("[data-key=g2] .plate").bounding_box()
    assert abs(before["y"] - after["y"]) < 2
    assert abs(before["x"] + before["width"] / 2 - after["x"] - after["width"] / 2) < 2


def test_too_many_cards_are_refused(show):
    tab = show(graphs.large(2, 800))
    act(tab, "[data-key=g1] .plus")
    assert tab.locator(".card").count() == 802
    assert tab.is_hidden("#told")
    tab.evaluate("location.hash = '#group=0&open=1'")
    tab.wait_for_selector("#opener")
    act(tab, "#opener")
    assert "1,601 cards" in text(tab, "#told")
    assert tab.locator(".card").count() == 802
    tab.evaluate("location.hash = '#open=0,1'")
    tab.wait_for_function("() => document.querySelectorAll('.card').length === 3")


def test_ten_thousand_nodes(show):
    tab = show(graphs.large())
    assert tab.locator(".card").count() == 101
    assert svg_text(tab, ".card.chosen .op") == "Layer"
    act(tab, "#step*2")
    assert text(tab, "#moment") == "backward 2/100: Layer layers.98"
    tab.evaluate("location.hash = '#node=5050'")
    tab.wait_for_selector("[data-key=n5050].chosen")
    assert tab.locator(".card").count() == 200


# ----- the panel -----


def test_the_panel_of_a_node(show):
    data = graphs.batchnorm()
    data["nodes"][9] |= {
        "rules": [["a", "unbroadcast(g, a)"], ["b", "unbroadcast(-g * y, b)"]],
        "saved": [["y", 2048], ["b", 64]],
        "params": [["axis", "0"]],
        "error": 2e-6,
        "errorOf": "rule of argument a, against numerical differentiation",
    }
    tab = show(data, "#node=9")
    assert tab.eval_on_selector_all("#panel code", "found => found.map(c => c.textContent)") == [
        "a ← unbroadcast(g, a)",
        "b ← unbroadcast(-g * y, b)",
    ]
    panel = text(tab, "#panel")
    for part in (
        "subtract x−μ",
        "32×8 · float64 · 2.05 kB · BatchNorm1d bn",
        "axis=0",
        "g is this node's gradient, y its value",
        "error 2e-6 rule of argument a, against numerical",
        "L2 norm 2.4 0.13",
        "exact zeros 0% 0%",
        "y 2.05 kB, b 64 B",
        "0.8, 0.9411",
        ", …",
    ):
        assert part in panel
    assert tab.locator("#panel .hist").count() == 2
    assert tab.eval_on_selector_all("#panel .chip", "found => found.map(c => c.dataset.node)") == [
        "4",
        "8",
        "10",
        "14",
    ]
    act(tab, "#panel .chip[data-node='14']")
    assert keys(tab, ".card.chosen") == {"n14"}


PANELS = [
    ("#node=21", ["0.8", "nothing: this is an output"]),
    ("#node=1", ["weight", "A leaf", "used by", "matmul 32×8", "error 3e-16"]),
    ("#node=7", ["ε", "No gradient flows through here", "nothing"]),
    (
        "#shut=1&group=1",
        [
            "BatchNorm1d bn",
            "12 nodes",
            "mean ×2",
            "parameters 16",
            "error 5e-5 against the closed form",
        ],
    ),
    ("#step=1", ["mean loss", "a ← g / size"]),
]


@pytest.mark.parametrize(("link", "words"), PANELS)
def test_panels(show, link, words):
    panel = text(show(graphs.batchnorm(), link), "#panel")
    assert [w for w in words if w.lower() not in panel.lower()] == []


# ----- colours -----


def test_colouring_by_error(show):
    data = graphs.batchnorm(diverging=True)
    tab = show(data, "#colour=error")

    def expected(error):
        return (
            "none"
            if error is None
            else "e-good"
            if error < 1e-9
            else "e-fair"
            if error < 1e-4
            else "e-bad"
        )

    for kind in ("none", "e-good", "e-fair", "e-bad"):
        assert keys(tab, f".card.{kind}") == {
            f"n{n['id']}" for n in data["nodes"] if expected(n["error"]) == kind
        }
    assert text(tab, "#legend") == "below 1e-9 below 1e-4 above not compared first to diverge →"
    assert keys(tab, ".card:has(.badge)") == {"n11"}
    act(tab, "[data-shut='1']")
    assert keys(tab, ".card:has(.badge)") == {"g1"}
    assert keys(tab, ".card.e-bad") == {"g1"}
    act(tab, "#diverge")
    assert keys(tab, ".card.chosen") == keys(tab, ".card:has(.badge)") == {"n11"}


def test_colouring_by_gradient(show):
    data = graphs.batchnorm()
    data["nodes"][17]["grad"]["norm"] = "nan"
    tab = show(data, "#colour=gradient")
    norms = {
        f"n{n['id']}": n["grad"]["norm"]
        for n in data["nodes"]
        if n["grad"] and n["grad"]["norm"] != "nan"
    }
    logs = {key: np.log10(norm) for key, norm in norms.items() if norm > 1e-12}
    low, high = min(logs.values()), max(logs.values())
    for step in range(7):
        assert keys(tab, f".card.heat{step}") == {
            key for key, x in logs.items() if round(6 * (x - low) / (high - low)) == step
        }
    assert keys(tab, ".card.flat") == {"n2"}
    assert keys(tab, ".card.broken") == {"n17"}
    assert keys(tab, ".card.none") == {"n7", "n18"}
    assert text(tab, "#legend").startswith("L2 norm of the gradient 0.062 1 zero NaN")


def test_colouring_by_kind(show):
    data = graphs.second_order()
    tab = show(data)
    for kind in ("parameter", "output", "backward", "elementwise"):
        expected = {
            f"n{n['id']}"
            for n in data["nodes"]
            if kind == ("backward" if n["phase"] == "backward" else n["kind"])
        }
        assert keys(tab, f".card.k-{kind}") == expected != set()
    assert text(tab, "#legend") == "parameter elementwise output backward"
    saved = tab.eval_on_selector_all(
        ".edge.saved", "found => found.map(e => e.dataset.from + e.dataset.to).sort()"
    )
    assert saved == ["n0n6", "n0n8", "n1n7", "n3n4"]


SCHEMES = [
    ("light", "dark", (255, 255, 255)),
    ("dark", "light", (11, 17, 32)),
    ("auto", "dark", (11, 17, 32)),
    ("auto", "light", (255, 255, 255)),
]


@pytest.mark.parametrize(("theme", "system", "paper"), SCHEMES)
def test_light_and_dark(show, theme, system, paper):
    tab = show(graphs.diamond() | {"theme": theme}, color_scheme=system)
    colour = "getComputedStyle(document.body).backgroundColor"
    assert tab.evaluate(colour) == f"rgb{paper}"
    act(tab, "#theme")
    assert tab.evaluate(colour) != f"rgb{paper}"
    act(tab, "#theme")
    assert tab.evaluate(colour) == f"rgb{paper}"


# ----- search and keys -----

SEARCHES = [  # words, hits, what Enter chooses
    ("sqrt", 1, "n13"),
    ("μ", 2, "n8"),
    ("32X16", 1, "n0"),
    ("32×16", 1, "n0"),
    ("bn mean", 2, "n8"),
    ("axis=0", 2, "n8"),
    ("MSELoss", 5, "n21"),
    ("1e-05", 1, "n7"),
    ("nowhere", 0, "n21"),
]


@pytest.mark.parametrize(("words", "hits", "chosen"), SEARCHES)
def test_search(show, words, hits, chosen):
    tab = show(graphs.batchnorm())
    act(tab, "key:/")
    tab.keyboard.type(words)
    assert text(tab, "#count") == f"{hits} hit{'' if hits == 1 else 's'}"
    assert tab.locator("#found li").count() == hits
    act(tab, "key:Enter")
    assert keys(tab, ".card.chosen") == {chosen}
    assert tab.is_hidden("#results") == (hits > 0)


def test_search_opens_groups_and_moves_with_the_arrows(show):
    tab = show(graphs.blocks())
    act(tab, "key:/")
    tab.keyboard.type("gelu")
    act(tab, "key:ArrowDown")
    assert tab.get_attribute("#search", "aria-activedescendant") == "hit1"
    act(tab, "key:Enter")
    assert svg_text(tab, ".card.chosen .op") == "gelu"
    assert tab.locator(".box").count() == 5
    act(tab, "key:j")  # the keys are the graph's again
    assert text(tab, "#moment").startswith("backward 1/")


def test_tab_walks_in_topological_order(show):
    tab = show(graphs.batchnorm())
    seen = []
    tab.focus("#help")
    for _ in range(25):
        act(tab, "key:Tab")
        seen.append(tab.evaluate("document.activeElement.dataset.id"))
    assert seen == [
        "n0",
        "h0",
        *(f"n{i}" for i in range(1, 5)),
        "h1",
        *(f"n{i}" for i in range(5, 18)),
        "h2",
        "n18",
        "n19",
        "n20",
        "n21",
    ]
    assert keys(tab, ".card.chosen") == {"n21"}
    assert (
        tab.evaluate("document.activeElement.getAttribute('aria-label')")
        == "mean loss, output, scalar, grad 1"
    )


def test_groups_open_and_close_by_keys(show):
    tab = show(graphs.batchnorm())
    tab.focus("[data-shut='1']")
    act(tab, "key:Enter")
    assert tab.locator(".card").count() == 11
    assert tab.evaluate("document.activeElement.dataset.id") == "g1"
    assert tab.get_attribute("[data-key=g1]", "aria-expanded") == "false"
    act(tab, "key:Enter")
    assert tab.locator(".card").count() == 22
    assert tab.evaluate("document.activeElement.dataset.id") == "h1"


def test_the_keys_are_explained(show):
    tab = show(graphs.diamond())
    act(tab, "key:?")
    assert "one step of backprop" in text(tab, "#keys")
    act(tab, "key:j")  # does nothing behind the dialogue
    assert text(tab, "#moment") == "press step to run backward"
    act(tab, "key:Escape")
    assert tab.is_hidden("#keys")


# ----- moving about -----


def world(tab):
    x, y, k = map(
        float, re.findall(r"-?[\d.]+(?:e-?\d+)?", tab.get_attribute("#world", "transform"))
    )
    return x, y, k


def test_pan_zoom_and_fit(show):
    tab = show(graphs.batchnorm(), viewport={"width": 1400, "height": 900})
    x, y, k = world(tab)
    assert k >= 0.8
    tab.mouse.move(300, 400)
    tab.mouse.wheel(0, -100)
    tab.wait_for_function(
        "k => Number(document.getElementById('world').getAttribute('transform').split('scale(')[1].slice(0, -1)) > k",
        arg=k,
    )
    x1, y1, k1 = world(tab)
    top = tab.locator("#stage").bounding_box()["y"]
    assert np.allclose(
        [(300 - x) / k, (400 - top - y) / k], [(300 - x1) / k1, (400 - top - y1) / k1]
    )  # what is at the pointer stays
    tab.mouse.move(500, 500)  # a drag that begins on a card moves the graph and chooses nothing
    tab.mouse.down()
    tab.mouse.move(520, 540, steps=4)
    tab.mouse.up()
    assert np.allclose(world(tab), (x1 + 20, y1 + 40, k1))
    assert keys(tab, ".card.chosen") == {"n21"}
    act(tab, "#out*3", "#in")
    assert world(tab)[2] == pytest.approx(k1 * 0.8**3 * 1.25)
    act(tab, "key:0")
    stage = tab.locator("#stage").bounding_box()
    for i in (0, 21):
        box = tab.locator(f"[data-key=n{i}] .plate").bounding_box()
        assert stage["y"] < box["y"] < stage["y"] + stage["height"] - box["height"]


def test_two_fingers_zoom(show):
    tab = show(graphs.batchnorm())
    k = world(tab)[2]
    tab.evaluate("""() => {
      const canvas = document.getElementById('canvas');
      const send = (type, id, x, y) => canvas.dispatchEvent(new PointerEvent(type, {pointerId: id, clientX: x, clientY: y, bubbles: true}));
      canvas.setPointerCapture = () => {};
      send('pointerdown', 1, 400, 400); send('pointerdown', 2, 500, 400);
      send('pointermove', 2, 600, 400); send('pointerup', 1, 400, 400); send('pointerup', 2, 600, 400);
    }""")
    assert world(tab)[2] == pytest.approx(2 * k)


def test_printing_shows_the_whole_graph(show):
    tab = show(graphs.batchnorm(), reduced_motion="no-preference")
    tab.emulate_media(media="print")
    moves = "found => found.map(e => getComputedStyle(e).animationName)"
    assert set(tab.eval_on_selector_all(".card, .box", moves)) == {"none"}  # or they begin unseen
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.get_attribute("#world", "transform") is None
    _, _, width, height = map(float, tab.get_attribute("#canvas", "viewBox").split())
    assert height > 1200 > width
    assert tab.is_hidden("#bar")
    assert tab.is_hidden("#panel")
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.get_attribute("#canvas", "viewBox") is None


# ----- layout -----

GEOMETRY = """() => {
  const at = (e) => e.style.transform.match(/-?[\\d.]+/g).map(Number);
  const rect = (e, r) => { const [x, y] = at(e), n = (k) => Number(r.getAttribute(k) || 0); return [x + n('x'), y + n('y'), x + n('x') + n('width'), y + n('y') + n('height')]; };
  const cards = {}, boxes = {}, edges = [];
  for (const e of document.querySelectorAll('.card')) cards[e.dataset.key] = rect(e, e.querySelector('.plate'));
  for (const e of document.querySelectorAll('.box')) boxes[e.dataset.box] = rect(e, e.querySelector('rect'));
  for (const e of document.querySelectorAll('.edge')) {
    const wire = e.querySelector('.wire'), length = wire.getTotalLength(), points = [];
    for (let s = 0; s <= length; s += 4) { const p = wire.getPointAtLength(s); points.push([p.x, p.y]); }
    const end = wire.getPointAtLength(length);
    edges.push([e.dataset.from, e.dataset.to, [...points, [end.x, end.y]]]);
  }
  return {cards, boxes, edges};
}"""


def woven():
    """Closing this group makes a circle: the group, what stands outside, the group."""
    g = graphs.Graph("woven")
    x = g.add("input", kind="input")
    inside = g.group("Woven", open=False)
    a = g.add("sin", x)
    g.end()
    b = g.add("cos", a)
    g.add("multiply", a, b, group=inside)
    g.add("sum", 3, kind="output", shape=())
    return g.data()


def shared():
    """Values that are used far away, in and out of nested groups."""
    g = graphs.Graph("shared")
    x, w = g.add("input", name="x", kind="input"), g.add("parameter", name="w", kind="parameter")
    y = x
    for i in range(4):
        g.group("outer", str(i))
        a = g.add("multiply", y, w)
        g.group("inner", "a fairly long name of a layer")
        b, c = g.add("sin", a), g.add("cos", x)
        g.end()
        y = g.add("where", a, b, c)
        g.end()
    g.add("concatenate", *range(len(g.nodes)), kind="output")
    return g.data()


GRAPHS = [
    graphs.batchnorm,
    graphs.diamond,
    graphs.chain,
    graphs.network,
    graphs.unrolled,
    graphs.second_order,
    graphs.hostile,
    shared,
]


def overlap(a, b, margin=0.0):
    return (
        a[0] < b[2] + margin
        and b[0] < a[2] + margin
        and a[1] < b[3] + margin
        and b[1] < a[3] + margin
    )


@pytest.mark.parametrize("graph", GRAPHS)
def test_layout(show, graph):
    data = graph()
    found = show(data).evaluate(GEOMETRY)
    cards, boxes = found["cards"], {int(k): v for k, v in found["boxes"].items()}
    listed = list(cards.items())
    for i, (one, a) in enumerate(listed):
        assert [other for other, b in listed[i + 1 :] if overlap(a, b, 8)] == [], one
    parents = {g["id"]: g["parent"] for g in data["groups"]}
    for key, card in cards.items():
        around = set()
        group = data["nodes"][int(key[1:])]["group"] if key[0] == "n" else parents[int(key[1:])]
        while group is not None:
            around.add(group)
            group = parents[group]
        for i, box in boxes.items():
            inside = box[0] < card[0] and box[1] < card[1] and card[2] < box[2] and card[3] < box[3]
            assert inside if i in around else not overlap(card, box), (key, i)
    for start, end, points in found["edges"]:
        ys = [y for _, y in points]
        assert all(later >= y - 0.1 for y, later in itertools.pairwise(ys)), (start, end)
        for key, (left, top, right, bottom) in cards.items():
            if key not in (start, end):
                assert not any(
                    left + 1 < x < right - 1 and top + 1 < y < bottom - 1 for x, y in points
                ), (start, end, key)
        assert ys[0] == pytest.approx(cards[start][3], abs=0.1)
        assert ys[-1] == pytest.approx(cards[end][1] - 5, abs=0.1)


def test_an_unbranched_chain_is_straight(show):
    middles = {
        (a + c) / 2 for a, _, c, _ in show(graphs.chain()).evaluate(GEOMETRY)["cards"].values()
    }
    assert max(middles) - min(middles) < 0.01


def test_the_spine_is_straight_and_parameters_hang_at_its_side(show):
    data = graphs.batchnorm()
    middles = {
        key: (a + c) / 2 for key, (a, _, c, _) in show(data).evaluate(GEOMETRY)["cards"].items()
    }
    spine = [
        middles[f"n{n['id']}"] for n in data["nodes"] if n["kind"] not in ("parameter", "constant")
    ]
    assert max(spine) - min(spine) < 0.01
    assert all(
        middles[f"n{n['id']}"] < min(spine) - 30
        for n in data["nodes"]
        if n["kind"] in ("parameter", "constant")
    )


def test_a_recurrence_is_straight(show):
    data = graphs.unrolled()
    middles = {
        key: (a + c) / 2 for key, (a, _, c, _) in show(data).evaluate(GEOMETRY)["cards"].items()
    }
    states = [middles[f"n{n['id']}"] for n in data["nodes"] if n["name"] in ("h", "loss")]
    assert max(states) - min(states) < 0.01


def test_a_circle_of_cards_is_drawn(show):
    found = show(woven()).evaluate(GEOMETRY)
    assert {(a, b) for a, b, _ in found["edges"]} == {
        ("n0", "g0"),
        ("g0", "n2"),
        ("n2", "g0"),
        ("g0", "n4"),
    }
    assert len({tuple(card) for card in found["cards"].values()}) == 4
    right = max(card[2] for card in found["cards"].values())
    around = next(points for a, b, points in found["edges"] if (a, b) == ("n2", "g0"))
    assert max(x for x, _ in around) > right


# ----- odd data -----


def test_hostile_names_stay_text(show):
    data = graphs.hostile()
    tab = show(data)
    assert tab.title() == printable(data["title"])
    assert text(tab, "#title") == printable(data["title"])
    assert tab.locator("script").count() == 2
    assert tab.locator("img, u, b b, .facts b").count() == 0
    assert svg_text(tab, ".header .op") == "<script>alert(1)</script>"
    assert tab.locator("#panel code").text_content() == "<u> ← g < 1 & y > 2"
    act(tab, "key:/")
    tab.keyboard.type("onerror")
    assert tab.locator("#found li").count() == 1
    act(tab, "key:Enter")
    assert keys(tab, ".card.chosen") == {"n0"}


BARE = [
    {"nodes": [{"id": 0}]},
    {"nodes": [{"id": 0, "inputs": []}, {"id": 1, "inputs": [0, 0]}], "groups": [], "order": []},
    {"nodes": [{"id": 0, "group": 7, "value": None}], "groups": [{"id": 7, "parent": None}]},
]


@pytest.mark.parametrize("data", BARE)
def test_all_but_the_nodes_may_be_missing(show, data):
    tab = show(data)
    assert tab.locator(".card").count() == len(data["nodes"])
    assert tab.is_disabled("#step")
    assert tab.is_disabled("#play")
    assert text(tab, "#moment") == "no backward pass here: the graph was drawn without gradients"
    act(tab, "key:j", "key:c*2", "key: ", "key:Escape")
    assert "nothing was compared" in text(tab, "#legend")
    assert tab.title() == "computation graph"


def test_a_narrow_screen_has_the_panel_below(show):
    tab = show(graphs.batchnorm(), "#step=9", viewport={"width": 390, "height": 844})
    stage, panel = tab.locator("#stage").bounding_box(), tab.locator("#panel").bounding_box()
    assert panel["y"] >= stage["y"] + stage["height"]
    assert stage["height"] > 300
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390


# ----- the Python side -----


def test_the_page_is_one_file_that_asks_nobody():
    data = graphs.hostile()
    made = page(data)
    assert made == page(data)
    assert made.count("<script") == 2
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', made, re.DOTALL)
    assert json.loads(found[1]) == data | {"title": printable(data["title"])}
    assert not set("<>&\u2028\u2029") & set(found[1])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', made)[1]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        body = re.search(f"<{tag}>(.*?)</{tag}>", made, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", made) == []
    assert "innerHTML" not in made
    assert len(made.encode()) - len(found[1].encode()) < 90_000


REFUSALS = [
    ({}, ValueError, r"\"nodes\", not the keys \[\]"),
    ([], ValueError, r"not list"),
    ({"nodes": []}, ValueError, "is empty"),
    ({"nodes": [{"id": 0, "value": np.float32(1)}]}, TypeError, r"plain JSON values .*\.item\(\)"),
    ({"nodes": [{"id": 0, "error": float("nan")}]}, ValueError, '"nan", "inf"'),
    ({"nodes": [{"id": 3}]}, ValueError, "node 0 .* has the id 3"),
    ({"nodes": [{"id": 0, "inputs": [0]}]}, ValueError, "input 0, which is not before it"),
    ({"nodes": [{"id": 0, "group": 4}]}, ValueError, "in group 4"),
    (
        {"nodes": [{"id": 0}], "groups": [{"id": 1, "parent": 2}]},
        ValueError,
        "parents before children",
    ),
]


@pytest.mark.parametrize(("data", "kind", "words"), REFUSALS)
def test_refusals(data, kind, words):
    with pytest.raises(kind, match=words):
        page(data)
