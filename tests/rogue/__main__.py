"""Starts the provider: ``python -m tests.rogue PORT CONTROL_PORT`` (0: any), which prints READY and the two ports.

It ends with its standard input, so that it does not outlive whoever started it.
"""

import argparse
import asyncio
import os
import threading

from tests.rogue.control import Control
from tests.rogue.provider import Provider
from tests.rogue.wire import Port


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.rogue")
    parser.add_argument("port", type=int)
    parser.add_argument("control_port", type=int)
    options = parser.parse_args()
    threading.Thread(target=_end_with_input, daemon=True).start()
    asyncio.run(_serve(options.port, options.control_port))


def _end_with_input() -> None:
    while os.read(0, 4096):
        pass
    # Nothing is worth saving, and nothing the loop is busy with may hold this up.
    os._exit(0)


async def _serve(port: int, control_port: int) -> None:
    provider = Provider()
    served = Port(port, provider.handle)
    control = Port(control_port, Control(provider, served).handle)
    await served.open()
    await control.open()
    print("READY", served.number, control.number, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    main()
