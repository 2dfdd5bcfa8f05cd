"""What this process counts of its refreshes, for `/metrics`. What stands in the rows is read when it is asked for."""

from prometheus_client import Counter, Gauge, Histogram

_refreshes = Counter("akhrot_refreshes", "Refreshes by what came of them", ["provider", "outcome"])
_seconds = Histogram(
    "akhrot_refresh_seconds",
    "Time until the provider had answered a refresh, refusals and errors included",
    ["provider"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30),
)
_flights = Gauge(
    "akhrot_flights", "Refreshes under way in these processes, those in line included", multiprocess_mode="livesum"
)


def count_refresh(provider: str, outcome: str, took: float) -> None:
    """One more attempt that ended; `took` in seconds, 0 where there was nothing to measure."""
    _refreshes.labels(provider, outcome).inc()
    if took:
        _seconds.labels(provider).observe(took)


def show_flights(number: int) -> None:
    """Say how many flights this process has."""
    _flights.set(number)
