"""Prepares the pages for mdBook, and checks the links of the site that it makes. scripts/book.sh runs both.

    book.py gather ROOT TO   copies the chapters of docs/SUMMARY.md, and all files that they link to, into TO/pages
    book.py check SITE       ends with exit code 1 if a link in SITE leads nowhere

The copies have the repository's folders, so links between pages, and from pages to sources, are the same in both.
"""

import html.parser
import pathlib
import re
import shutil
import sys
import urllib.parse

LINK = re.compile(r"\]\(([^)\s]+)\)")


def gather(root, to):
    """Copies what the book consists of."""
    pages = to / "pages"
    pages.mkdir(parents=True)
    shutil.copy(root / "docs/book.toml", to)
    summary = (root / "docs/SUMMARY.md").read_text(encoding="utf-8")
    names = [resolved(root, "docs", link) for link in LINK.findall(summary)]
    others = []
    for name in names:
        text = (root / name).read_text(encoding="utf-8")
        for link in LINK.findall(text):
            other = resolved(root, pathlib.PurePath(name).parent, link)
            if other is None or other in names:
                continue
            if (root / other).is_dir():  # a site has no page of a folder
                text = re.sub(rf"\[([^\]]*)\]\({re.escape(link)}\)", r"\1", text)
            elif other.endswith(".md"):
                others.append(other)
            else:
                (pages / other).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / other, pages / other)
        write(pages / name, text)
    for name in set(others):  # without what they link to themselves
        write(pages / name, re.sub(r"\[([^\]]*)\]\([^)\s]+\)", r"\1", (root / name).read_text(encoding="utf-8")))
    summary = LINK.sub(lambda link: f"]({resolved(root, 'docs', link[1])})", summary)
    more = "".join(f"- [{name}]({name})\n" for name in sorted(set(others)))
    write(pages / "SUMMARY.md", f"{summary}\n# Measurements\n\n{more}")


def write(path, text):
    """Writes a page. A README is the index of its folder, also in links: mdBook renames the file, but no links to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path = path.with_name("index.md") if path.name == "README.md" else path
    path.write_text(re.sub(r"(\]\([^)\s]*?)README\.md", r"\1index.md", text), encoding="utf-8")


def resolved(root, folder, link):
    """Returns the path of the file in the repository that a link in a page of `folder` leads to, or None for others."""
    path = link.split("#")[0]
    if not path or "://" in link or link.startswith("mailto:"):
        return None
    return str((root / folder / path).resolve().relative_to(root.resolve()))


class Page(html.parser.HTMLParser):
    """Ids and links of a page."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links = set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids.update(values[name] for name in ("id", "name") if values.get(name))
        self.links.update(values[name] for name in ("href", "src") if values.get(name))


def check(site):
    """Returns the number of links, or ends the program with those that lead nowhere."""
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    pages = {path: page for path, page in pages.items() if path.name not in ("404.html", "toc.html")}
    count, wrong = 0, []
    for path, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            count += 1
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            known = target in pages
            if not target.is_file() or (parts.fragment and known and urllib.parse.unquote(parts.fragment) not in pages[target].ids):
                wrong.append(f"{path.relative_to(site.resolve())}: {link}")
    if count < 500:
        wrong.append(f"only {count} links were found")
    if wrong:
        sys.exit("links that lead nowhere:\n" + "\n".join(sorted(wrong)))


if __name__ == "__main__":
    what, *paths = sys.argv[1:]
    {"gather": gather, "check": check}[what](*map(pathlib.Path, paths))
