"""A BMC as its own machine sees it: the other end of ipmitool's dummy interface.

``ipmitool -I dummy`` connects to a Unix socket (``IPMI_DUMMY_SOCK``) and speaks C structs of its own over it, in the
byte order and padding of this machine (src/plugins/dummy/dummy.h): request and answer each a head, then the data.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from typing import TYPE_CHECKING

from deploy.lab.ipmi.packet import Message

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.lab.ipmi.bmc import Bmc

_REQUEST = struct.Struct("@BBBBHP")  # network function, lun, command, target command, length, a pointer of the sender's
_ANSWER = struct.Struct("@BBBBBiP")  # network function, command, sequence, lun, completion code, length, a pointer
_BYE = (0x3F, 0xFF)
_POWER_READING = (0x2C, 0x02)


class InBand:
    """Answers for a BMC on a Unix socket, a thread a connection."""

    def __init__(self, bmc: Bmc, path: Path) -> None:
        self._server = _Server(str(path), _Handler)
        self._server.bmc = bmc
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    bmc: Bmc


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        bmc = self.server.bmc
        while len(head := self.rfile.read(_REQUEST.size)) == _REQUEST.size:
            function, lun, command, _, length, _ = _REQUEST.unpack(head)
            data = self.rfile.read(length)
            if (function, command) == _BYE:
                return
            if bmc.meter.fault == "dead" or (bmc.meter.fault == "hang" and (function, command) == _POWER_READING):
                continue
            code, answer = bmc.execute(Message(0x20, function, 0x81, 0, command, data))
            answered = _ANSWER.pack(function + 1, command, 0, lun, code, len(answer), 0)
            self.wfile.write(answered + answer)
