"""Every Python snippet of the documentation's pages is run, prints what the page says, and draws the page's pictures.

Pages are listed in mkdocs.yml; docs/deployment.md, whose snippets need processes of their own, has `test_guide.py`.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

import rowpattern
from rowpattern import errors

from documents import PICTURES, picture_size, printed_by, snippets

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if path.name != "deployment.md" and snippets(path.read_text()))
RECIPES = sorted(path for path in (DOCS / "recipes").glob("*.md") if path.name != "index.md")


def test_there_are_pages() -> None:
    assert len(RECIPES) >= 20
    assert set(RECIPES) < set(PAGES)
    for path in PAGES:
        page = path.read_text(encoding="utf-8")
        assert len(snippets(page)) == page.count("```python"), path


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_snippets_print_what_the_page_says(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = path.read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "__main__"}
    for snippet in snippets(page):
        printed = printed_by(snippet.code, str(path), names)
        assert [line.rstrip() for line in printed.splitlines()] == (snippet.printed or "").splitlines()
    drawn = {each.name: each for each in tmp_path.iterdir() if each.suffix in PICTURES}
    shown = re.findall(r"!\[[^\]]+\]\(([^)/]+)\)", page)
    assert set(drawn) <= set(shown), "pictures that the page does not show"
    for name, picture in drawn.items():
        # A picture's size changes a little with the versions of fonts.
        assert picture_size(picture) == pytest.approx(picture_size(path.parent / name), rel=0.2)


def test_the_notebook_runs() -> None:
    """`make docs` executes it too, in a kernel; here each cell that ends with a value shows it as a notebook can."""
    cells = json.loads((DOCS / "tutorials" / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    for cell in cells:
        assert not cell.get("outputs"), "outputs are made when the site is built"
        if cell["cell_type"] == "code":
            tree = ast.parse("".join(cell["source"]))
            *_, last = tree.body
            assert isinstance(last, ast.Expr)
            exec(compile(ast.Module(tree.body[:-1], []), "notebook", "exec"), names)  # noqa: S102 - our own
            value = eval(compile(ast.Expression(last.value), "notebook", "eval"), names)  # noqa: S307 - our own
            shown.append({form for form in ("html", "svg", "png") if callable(getattr(value, f"_repr_{form}_", None))})
    assert all(shown)
    assert {"svg"} in shown
    assert any("png" in forms for forms in shown)


@pytest.mark.parametrize(
    "path", sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")]), ids=lambda path: str(path.relative_to(ROOT))
)
def test_links_lead_somewhere(path: Path) -> None:
    page = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", page):
        if "://" not in target and not target.startswith("#"):
            assert (path.parent / target.partition("#")[0]).exists(), target


# Words of the clause, of which each stands in an example of its page.
FORMS = """PARTITION BY|ORDER BY|DESC|NULLS FIRST|MEASURES|FIRST(|LAST(|PREV(|NEXT(|CLASSIFIER()|MATCH_NUMBER()
MATCH_SEQUENCE_NUMBER()|IGNORE NULLS|RUNNING|FINAL|DISTINCT|FILTER|ALL ROWS PER MATCH|SHOW EMPTY MATCHES
OMIT EMPTY MATCHES|WITH UNMATCHED ROWS|AFTER MATCH SKIP|PAST LAST ROW|TO NEXT ROW|TO FIRST|TO LAST|{-|WITHIN|SUBSET
DEFINE|(SELECT|WITH |JOIN|LATERAL|WINDOW|OVER (|UNBOUNDED FOLLOWING|2 FOLLOWING|INITIAL|SEEK|$limit|{$least,}|prefer="""


@pytest.mark.parametrize("form", FORMS.replace("\n", "|").split("|"))
def test_every_form_of_the_clause_has_an_example(form: str) -> None:
    page = (DOCS / "sql-reference.md").read_text(encoding="utf-8")
    assert any(form in snippet.code for snippet in snippets(page))


def test_every_page_is_on_the_site() -> None:
    listed = set(re.findall(r"[\w/.-]+\.(?:md|ipynb)", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*") if path.suffix in {".md", ".ipynb"}}
    assert {page for page in pages if not page.startswith("decisions/0")} <= listed
    index = (DOCS / "recipes" / "index.md").read_text(encoding="utf-8")
    assert [path.name for path in RECIPES if f"({path.name})" not in index] == []


def test_every_error_has_its_cause_and_mending() -> None:
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)[^\n]*\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE))
    own = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, (rowpattern.RowPatternError, Warning)) and name[0] != "_"
    }
    assert own - set(sections) == {"RowPatternError"}
    for name in own & set(sections):
        assert "*Cause*" in sections[name], name
        assert "*Do*" in sections[name], name


def test_everything_public_is_in_the_reference() -> None:
    reference = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md"))
    modules = {"rowpattern.pattern_cache", "rowpattern.errors"}
    assert modules <= set(re.findall(r"::: (\S+)", reference))
    public = {name for name in rowpattern.__all__ if name != "__version__" and not hasattr(errors, name)}
    assert public <= set(re.findall(r"::: rowpattern\.(\w+)$", reference, re.MULTILINE))


FIGURES = re.compile(r"^\| (.+?) \| (.+?) \| ([\d,.]+) times \|$", re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", "docs/performance.md"])
def test_figures_are_no_stronger_than_the_benchmarks(page: str) -> None:
    """Rows of tables `| question | peer | N times |` name questions of docs/benchmarks.md, and claim no more."""
    report = (DOCS / "benchmarks.md").read_text(encoding="utf-8").replace("\\|", "/")
    measured = dict(re.findall(r"^\| ([^|]+?) \| [^|]* \| ([\d,.]+) times \| ", report, re.MULTILINE))
    claims = FIGURES.findall((ROOT / page).read_text(encoding="utf-8"))
    assert len(claims) >= 3
    for question, peer, times in claims:
        assert float(times.replace(",", "")) <= float(measured[f"{question}: {peer}"].replace(",", "")), question
