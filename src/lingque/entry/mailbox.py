"""A real SMTP server that keeps what it receives in a folder, to see the whole way without a mail system."""

from __future__ import annotations

import email
import hashlib
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import default
from pathlib import Path
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

_HEADERS = BytesHeaderParser()


@dataclass(frozen=True, kw_only=True)
class ReceivedMail:
    """One mail as it came in."""

    address: str
    message_id: str
    content: bytes

    @property
    def mail(self) -> EmailMessage:
        """The mail, read."""
        return email.message_from_bytes(self.content, policy=default)


class Mailbox:
    """Keeps one mail per Message-ID and address; a mail that comes again is not a second one.

    `bouncing` addresses are refused for good (550), as a mail system does with addresses that do not exist.
    """

    def __init__(self, folder: Path | None = None, *, bouncing: Collection[str] = ()) -> None:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._bouncing = frozenset(bouncing)
        self._lock = threading.Lock()
        self._received: dict[tuple[str, str], ReceivedMail] = {}
        self.transmissions = 0

    @property
    def mails(self) -> list[ReceivedMail]:
        """Everything received so far, in the order of arrival."""
        with self._lock:
            return list(self._received.values())

    async def handle_RCPT(  # noqa: N802 - the name is the server library's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self._bouncing:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        content = cast(bytes, envelope.content)
        message_id = str(_HEADERS.parsebytes(content)["Message-ID"])
        with self._lock:
            self.transmissions += 1
            for address in envelope.rcpt_tos:
                entry = ReceivedMail(address=address, message_id=message_id, content=content)
                self._received.setdefault((message_id, address), entry)
        if self._folder is not None:
            # a digest: whoever sends chooses the Message-ID, and must not choose where we write
            name = hashlib.sha256(message_id.encode()).hexdigest()[:40]
            (self._folder / f"{name}.eml").write_bytes(content)
        return "250 kept"


@contextmanager
def open_mailbox(mailbox: Mailbox, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Listen, and give the port (a free one where `port` is 0)."""
    controller: Any = _Listening(mailbox, hostname=host, port=port)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


class _Listening(Controller):
    """The controller connects to itself to see that it runs, which needs the port the system chose."""

    def _trigger_server(self) -> None:
        server: Any = self.server
        if self.port == 0 and server is not None:
            self.port = server.sockets[0].getsockname()[1]
        trigger: Any = super()._trigger_server
        trigger()
