"""A page as a reader's browser takes it apart."""

from html.parser import HTMLParser

VOID = {"meta", "br", "link", "img", "input", "hr"}
LOADING = {"src", "srcset", "data", "poster", "xlink:href", "action", "formaction", "background", "ping"}


class Page(HTMLParser):
    """Elements, addresses and text of a page; an element that is not closed where it should be is an error."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def loaded(self) -> list[str]:
        """What a browser would fetch by itself."""
        found = [value for _, attributes in self.elements for name, value in attributes.items() if name in LOADING]
        return found + [attributes["href"] for attributes in self.all("link") + self.all("image") + self.all("use")]

    @property
    def links(self) -> list[str]:
        return [attributes["href"] for attributes in self.all("a")]


def assert_stands_by_itself(html: str) -> Page:
    page = Page(html)
    names = {name for name, _ in page.elements}
    assert page.loaded == []
    assert not names & {"script", "iframe", "object", "embed", "base", "form"}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "url(" not in html
    assert "@import" not in html
    assert all(link.startswith(("#", "https://arxiv.org/abs/")) for link in page.links)
    policy = next(one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    assert "http" not in policy
    return page


def assert_can_be_read_aloud(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en"
    assert all(cell.get("scope") in ("row", "col") for cell in page.all("th"))
    charts = [place for place, (name, one) in enumerate(page.elements) if name == "svg" and one.get("role") == "img"]
    assert all(page.elements[place + 1][0] == "title" for place in charts)
    ids = [one["id"] for _, one in page.elements if "id" in one]
    assert len(ids) == len(set(ids))
    assert all(link[1:] in ids for link in page.links if link.startswith("#"))
