"""Lighthouse's judgement of a few pages, the median of five runs. It comes from the npm registry."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from tests.pages import browser as looking

# The last one that runs on Node.js 20.
PACKAGE = "lighthouse@12"
RUNS = 5
# Chromium's debugging port is not always open in time.
TRIES = 3
PAGES = {"connections": "/app/", "catalogue": "/app/providers/", "sign-in": "/accounts/login/"}
CATEGORIES = ("performance", "accessibility", "best-practices")


def judge(state: str = "many") -> list[dict[str, Any]]:
    """For each page the median score of each category (0 to 100), and the bytes and requests of the first view."""
    with tempfile.TemporaryDirectory() as place, looking.furnished(Path(place)) as (site, _):
        cookie = _cookie(site.url, state)
        found = []
        for name, path in PAGES.items():
            held = "" if name == "sign-in" else cookie
            reports = [_run(site.url + path, held) for _ in range(RUNS)]
            found.append({"page": name, **_median(reports)})
        return found


def _cookie(url: str, state: str) -> str:
    with looking.chromium() as chromium:
        context = chromium.new_context(base_url=url)
        looking.sign_in(context, state)
        return "; ".join(f"{one['name']}={one['value']}" for one in context.cookies())


def _run(url: str, cookie: str) -> dict[str, Any]:
    flags = " ".join(["--headless=new", *looking.FLAGS])
    headers = ["--extra-headers", json.dumps({"Cookie": cookie})] if cookie else []
    command = [
        *("npx", "--yes", PACKAGE, url, "--quiet", "--output=json", "--output-path=stdout"),
        *(f"--only-categories={','.join(CATEGORIES)}", f"--chrome-flags={flags}", *headers),
    ]
    environment = {**os.environ, "CHROME_PATH": looking.BINARY}
    for _ in range(TRIES):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)
        if done.returncode == 0:
            report: dict[str, Any] = json.loads(done.stdout)
            return report
        print(f"{url}: {done.stderr.strip()[-500:]}", file=sys.stderr, flush=True)
    raise RuntimeError(f"Lighthouse gives no report of {url}")


def _median(reports: list[dict[str, Any]]) -> dict[str, Any]:
    scores = {
        name: round(100 * median(report["categories"][name]["score"] for report in reports)) for name in CATEGORIES
    }
    requests = reports[-1]["audits"]["network-requests"]["details"]["items"]
    short = {
        audit["id"]
        for report in reports
        for audit in report["audits"].values()
        if audit["score"] is not None and audit["score"] < 1 and audit["scoreDisplayMode"] in ("binary", "numeric")
    }
    return {
        **scores,
        "bytes": sum(one.get("transferSize", 0) for one in requests),
        "requests": len(requests),
        "short of the mark": sorted(short),
    }
