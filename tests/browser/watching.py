"""A page in Chromium, and what it must not do: log errors, break its own policy, ask other hosts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, Request

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")
HERE = Path(__file__).parent
CONTRAST = (HERE / "contrast.js").read_text(encoding="utf-8")
AXE = (HERE / "axe" / "axe.min.js").read_text(encoding="utf-8")
# axe looks at the size of targets (WCAG 2.2) only where it is told to.
RUN_AXE = """async () => {
  const rules = {"target-size": {enabled: true}};
  const found = await axe.run(document, {resultTypes: ["violations"], rules});
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join("; ")}`);
}"""
LISTEN = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));"""
# Software that stands in for a graphics card says how slow it is.
HARMLESS = ("GPU stall due to ReadPixels",)


@dataclass
class Watched:
    """A page, what it logged as an error and what it asked other hosts for."""

    page: Page
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def faults(self) -> list[str]:
        """What axe finds on the page as it is now."""
        self.page.evaluate(AXE)
        found: list[str] = self.page.evaluate(RUN_AXE)
        return found

    def too_wide(self) -> int:
        """By how many pixels the page scrolls sideways."""
        wide: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return max(0, wide)


@contextmanager
def opened(
    browser: Browser, address: str, size: str = "desktop", scheme: str = "light", **options: object
) -> Iterator[Watched]:
    """A page in a context of its own: nothing stays of it."""
    width, height = SIZES[size]
    viewport = {"width": width, "height": height}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, **options)  # type: ignore[arg-type]
    seen = Watched(context.new_page())

    def logged(kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(known in text for known in HARMLESS):
            seen.errors.append(text)

    def asked(request: Request) -> None:
        if not request.url.startswith((address, "blob:", "data:")):
            seen.outside.append(request.url)

    seen.page.add_init_script(LISTEN)
    seen.page.on("console", lambda message: logged(message.type, message.text))
    seen.page.on("pageerror", lambda problem: seen.errors.append(str(problem)))
    seen.page.on("request", asked)
    yield seen
    context.close()
