"""One provider hangs and five hundred agents want its tokens; beside them fresh tokens of another are fetched."""

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

from tests.proofs.callers import Caller, Told, count, percentile
from tests.proofs.house import house
from tests.rogue.process import ROOT, Rogue

CALLERS, RATE = 500, 20.0


def bulkhead(database: str, *, seconds: float) -> dict[str, Any]:
    """p99 of steady fetches of fresh tokens, quiet and beside the hanging provider, each over `seconds`."""
    rogues = {"hanging": Rogue.start(), "calm": Rogue.start()}
    try:
        with house(rogues, database) as built:
            ids = built.add(rogues["hanging"].mint(CALLERS), provider="hanging", expires_in=-1)
            built.add(rogues["calm"].mint(), provider="calm", expires_in=3600)
            rogues["hanging"].behave(fault="hang")
            url, key = built.site.url, built.key
            steady(url, key, 3)
            quiet = steady(url, key, seconds)
            beside, crowd = asyncio.run(_crowded(url, key, ids, seconds))
    finally:
        for rogue in rogues.values():
            rogue.stop()
    return {
        "quiet p99 ms": quiet["p99"],
        "beside p99 ms": beside["p99"],
        "ratio": round(beside["p99"] / quiet["p99"], 2),
        "fresh refused": beside["refused"],
        "fresh fetched": beside["fetched"],
        "crowd": crowd,
    }


async def _crowded(url: str, key: str, ids: list[str], seconds: float) -> tuple[dict[str, Any], dict[str, int]]:
    ends, told = time.monotonic() + seconds + 6, []

    async def agent(pk: str) -> None:
        caller = Caller(url, key)
        while time.monotonic() < ends:
            answer = await caller.fetch(pk, provider="hanging")
            told.append(answer)
            # What an agent does that reads the answer.
            await asyncio.sleep(float(answer.body.get("error", {}).get("retryAfter", 1)))
        caller.close()

    crowd = [asyncio.create_task(agent(pk)) for pk in ids]
    await asyncio.sleep(3)
    beside = await asyncio.to_thread(steady, url, key, seconds)
    await asyncio.gather(*crowd)
    return beside, count(told)


def steady(url: str, key: str, seconds: float) -> dict[str, Any]:
    """Fetches of a fresh token, `RATE` a second, from a process of its own."""
    command = [sys.executable, "-m", "tests.proofs.bulkhead", url, key, str(seconds)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


async def _steady(url: str, key: str, seconds: float) -> None:
    """At the same pace whatever the answers take: who waits does not send less."""
    idle: list[Caller] = []

    async def one() -> Told:
        caller = idle.pop() if idle else Caller(url, key)
        try:
            return await caller.fetch(provider="calm")
        finally:
            idle.append(caller)

    began, running = time.monotonic(), []
    for number in range(int(seconds * RATE)):
        await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
        running.append(asyncio.create_task(one()))
    told = await asyncio.gather(*running)
    took = [answer.took * 1000 for answer in told]
    refused = sum(answer.status != 200 for answer in told)
    print(json.dumps({"p99": round(percentile(took, 0.99), 1), "fetched": len(told), "refused": refused}))


if __name__ == "__main__":
    asyncio.run(_steady(sys.argv[1], sys.argv[2], float(sys.argv[3])))
