"""E-mail through SMTP (RFC 5321), with one-click opt-out (RFC 8058)."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from email.errors import MessageError
from email.header import Header
from email.mime.text import MIMEText
from email.policy import SMTP
from email.utils import formataddr, formatdate
from functools import lru_cache

import aiosmtplib

from lingque.core.errors import ChannelError
from lingque.core.reasons import Reason
from lingque.deliver.contracts import Message, Receipt

TEMPORARY = range(400, 500)

# Folding would turn a long opt-out link into encoded words, and no mail program would find it.
UNFOLDED = SMTP.clone(max_line_length=998)


@dataclass(frozen=True, kw_only=True)
class SmtpSettings:
    """Where mail goes out. `user` empty: no login. `tls` is `none`, `starttls` or `tls`."""

    host: str
    port: int
    from_address: str
    from_name: str
    user: str = ""
    password: str = ""
    tls: str = "none"
    timeout_seconds: float = 20.0


class SmtpChannel:
    """One connection, opened with the first message and again after a loss. Made by `bootstrap`.

    Two mails of one key have one Message-ID, by which receivers know them as one.
    """

    name = "email"
    honours_key = True

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._runner = asyncio.Runner()
        self._client: aiosmtplib.SMTP | None = None

    def send(self, message: Message) -> Receipt:
        """The fate of one mail. Raises `ChannelError` where the server cannot be reached at all."""
        try:
            return self._runner.run(self._send(self.mail(message), message.address))
        except (ValueError, MessageError):
            # one address that no mail can carry must not stop all the messages behind it
            return Receipt(outcome="failed", reason=Reason.RECEIVER_REFUSED, note="it cannot be written as a mail")

    def close(self) -> None:
        if self._client is not None and self._client.is_connected:
            with suppress(aiosmtplib.SMTPException, OSError):  # all is sent: a server that is gone needs no farewell
                self._runner.run(self._client.quit())
        self._runner.close()

    def mail(self, message: Message) -> bytes:
        """The mail as it goes over the wire. Raises `ValueError` where a line break would begin another header."""
        settings = self._settings
        if any(mark in text for text in (message.address, message.subject, message.opt_out_url) for mark in "\r\n"):
            raise ValueError("a line break in a header of a mail")
        domain = settings.from_address.rpartition("@")[2]
        mail = MIMEText(message.body, "plain", "utf-8")
        mail["From"] = _encoded_sender(settings.from_name, settings.from_address)
        mail["To"] = message.address
        mail["Subject"] = _encoded(message.subject)
        mail["Date"] = formatdate(usegmt=True)
        # a digest, for the key names the customer's surrogate and mail travels in the open
        mail["Message-ID"] = f"<{hashlib.sha256(message.key.encode()).hexdigest()[:40]}@{domain}>"
        mail["List-Unsubscribe"] = f"<{message.opt_out_url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        mail["Auto-Submitted"] = "auto-generated"
        return mail.as_bytes(policy=UNFOLDED)

    async def _send(self, mail: bytes, address: str) -> Receipt:
        client = await self._connected()
        try:
            await client.sendmail(self._settings.from_address, [address], mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _refused(error.recipients[0].code)
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error.code)
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError):
            # the mail may have been taken before the line broke
            self._client = None
            return Receipt(outcome="unknown", reason=Reason.FATE_UNKNOWN, note="the connection broke while sending")
        return Receipt(outcome="sent")

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=settings.timeout_seconds,
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
        )
        try:
            await client.connect()
            if settings.user:
                await client.login(settings.user, settings.password)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise ChannelError(
                f"no mail server answers at {settings.host}:{settings.port} ({type(error).__name__})",
                next_step="start it, or mend [smtp] in lingque.toml; what is queued stays queued",
            ) from error
        self._client = client
        return client


# Encoding a Chinese header takes longer than all the rest of a mail, and every mail of a wave has the same.
@lru_cache(maxsize=256)
def _encoded(text: str) -> str:
    return Header(text, "utf-8").encode()


@lru_cache(maxsize=16)
def _encoded_sender(name: str, address: str) -> str:
    return formataddr((name, address))


def _refused(code: int) -> Receipt:
    # the server's own words may repeat the address: only its code is kept
    return Receipt(
        outcome="again" if code in TEMPORARY else "failed",
        reason=Reason.RECEIVER_REFUSED,
        note=f"SMTP {code}",
    )
