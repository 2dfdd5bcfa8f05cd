"""Everything a provider may do wrong: what the caller got, what became of the connection, whether it healed."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from tests.proofs.callers import Caller, Told
from tests.proofs.house import House, house
from tests.rogue.process import Minted, Rogue

HEALING = 150.0
# Each applied by the provider before its answer is lost: with reuse punished, the grant dies at the provider.
LOSING = ("reset_after", "truncated_after")
FAULTS: dict[str, dict[str, Any]] = {
    "hang": {},
    "slow": {"fault": "", "delay": 14.0},
    "reset": {},
    "truncated": {},
    "huge": {},
    "drip": {},
    "html": {},
    "html_502": {},
    "empty": {},
    "bad_json": {},
    "bad_gzip": {},
    "http_garbage": {},
    "wrong_types": {},
    "no_token": {},
    "redirect": {},
    "status_429": {"retry_after": "7"},
    "status_503": {"retry_after": "7"},
    "status_500": {},
    "unknown_400": {},
    "error_200": {},
    "invalid_client": {},
    "away": {"fault": "", "listening": False},
    "no_expires_in": {},
    "absurd_expires_in": {},
    "text_expires_in": {},
    "form_body": {},
    "no_refresh_token": {"fault": "", "rotate": "never"},
    "refresh_token_sometimes": {"fault": "", "rotate": "sometimes"},
    "same_refresh_token": {"fault": "", "rotate": "same"},
    "reset_after": {},
    "truncated_after": {},
    "reset_after_forgiven": {"fault": "reset_after", "on_reuse": "accept"},
    "invalid_grant": {},
    "invalid_grant_200": {},
}


@dataclass
class Finding:
    """One row of the table."""

    fault: str
    expired_got: str
    waited: float
    ageing_got: str
    ageing_waited: float
    state: str
    reason: str
    healed_after: float | None = None
    after: str = ""

    @property
    def verdict(self) -> str:
        """Whether the promises held."""
        truly_dead = self.fault.startswith("invalid_grant") or self.fault in LOSING
        trouble = []
        if self.ageing_got != "ok":
            trouble.append("a caller with a working token was refused")
        if max(self.waited, self.ageing_waited) > 11:
            trouble.append("somebody waited more than 11 s")
        if self.after == "needs_reauth" and not truly_dead:
            trouble.append("the grant was given up")
        if self.after != "active" and not truly_dead:
            trouble.append("it did not heal")
        return "; ".join(trouble) or "held"


def faults(database: str, names: list[str] | None = None) -> list[Finding]:
    """Each fault at a provider of its own, all side by side: an expired and an ageing token, then the healing."""
    chosen = names or list(FAULTS)
    rogues = {name.replace("_", "-"): Rogue.start() for name in chosen}
    try:
        with house(rogues, database, AKHROT_WEB_THREADS="256") as built:
            grants = {code: rogue.mint(2, lifetime=3600) for code, rogue in rogues.items()}
            return asyncio.run(_run(built, rogues, grants))
    finally:
        for rogue in rogues.values():
            rogue.stop()


async def _run(built: House, rogues: dict[str, Rogue], grants: dict[str, list[Minted]]) -> list[Finding]:
    # The second of each has lived for an hour and is inside its margin.
    old = {"lived": 1, "expires_in": -1, "due_in": None}
    aged = {"lived": 3600, "expires_in": 100, "due_in": None}
    made = built.add_all(
        [
            (one, {"provider": code, **facts})
            for code, pair in grants.items()
            for one, facts in zip(pair, (old, aged), strict=True)
        ]
    )
    expired, ageing = dict(zip(grants, made[::2], strict=True)), dict(zip(grants, made[1::2], strict=True))
    for code, rogue in rogues.items():
        name = code.replace("-", "_")
        rogue.behave(**{"fault": name, **FAULTS[name]})
    # A server that has just started answers its first calls slowly; who waits is not to be counted for that.
    await asyncio.gather(*(_fetch(built, code, ageing[code]) for code in rogues))
    findings = await asyncio.gather(*(_one(built, code, expired[code], ageing[code]) for code in rogues))
    rows = built.show(list(expired.values()))
    for finding, (code, pk) in zip(findings, expired.items(), strict=True):
        finding.state, finding.reason = rows[pk]["status"], rows[pk]["reason"] or rows[pk]["error"]
        rogues[code].behave(fault="", delay=0.0, listening=True, rotate="always")
    began = time.monotonic()
    await _heal(built, findings, expired, began)
    rows = built.show(list(expired.values()))
    for finding, pk in zip(findings, expired.values(), strict=True):
        finding.after = rows[pk]["status"]
    return findings


async def _one(built: House, code: str, expired: str, ageing: str) -> Finding:
    first, second = await asyncio.gather(
        _fetch(built, code, expired),
        _fetch(built, code, ageing),
    )
    return Finding(
        code.replace("-", "_"), _said(first), round(first.took, 1), _said(second), round(second.took, 1), "", ""
    )


async def _fetch(built: House, code: str, pk: str) -> Told:
    caller = Caller(built.site.url, built.key)
    try:
        return await caller.fetch(pk, provider=code)
    finally:
        caller.close()


def _said(told: Told) -> str:
    wait = told.body.get("error", {}).get("retryAfter")
    return f"{told.code}, retryAfter {wait}" if wait else told.code


async def _heal(built: House, findings: list[Finding], expired: dict[str, str], began: float) -> None:
    """Only look: the sweep has to do it."""
    pending = dict(zip(expired.values(), findings, strict=True))
    while pending and time.monotonic() - began < HEALING:
        for pk, row in built.show(list(pending)).items():
            if row["generation"] > 0 and not row["expired"] and row["status"] == "active":
                pending.pop(pk).healed_after = round(time.monotonic() - began, 1)
            elif row["status"] != "active":
                pending.pop(pk)
        await asyncio.sleep(0.5)


def table(findings: list[Finding]) -> dict[str, Any]:
    """For the file of findings."""
    return {
        "faults": len(findings),
        "broken": {one.fault: one.verdict for one in findings if one.verdict != "held"},
        "slowest": max(max(one.waited, one.ageing_waited) for one in findings),
        "rows": [{**one.__dict__, "verdict": one.verdict} for one in findings],
    }
