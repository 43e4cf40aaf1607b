"""Run in a machine's network: the lab's BMC on its loopback, until standard input ends."""

from __future__ import annotations

import asyncio
import sys

from deploy.lab.ipmi.bmc import Bmc

HOST, PORT = "127.0.0.1", 623
USER, PASSWORD = "admin", "correct horse"
WATTS = 212.0


class Chassis:
    """A machine that is on, whatever is done to it."""

    def is_on(self) -> bool:
        """Tell that it is on."""
        return True

    def power_on(self) -> None:
        """Nobody presses the button here."""

    def power_off(self) -> None:
        """Nobody presses the button here."""

    def now(self) -> float:
        """Return some time."""
        return 1_755_849_999.0


async def main() -> None:
    """Answer until told to stop."""
    bmc = Bmc(Chassis(), {USER: PASSWORD})
    bmc.meter.observe(WATTS, 900.0)
    await bmc.listen(HOST, PORT)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    bmc.close()


if __name__ == "__main__":
    asyncio.run(main())
