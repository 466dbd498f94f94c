"""E-mail through SMTP (RFC 5321), with one-click opt-out (RFC 8058)."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formataddr

import aiosmtplib

from lingque.core.errors import ChannelError
from lingque.core.reasons import Reason
from lingque.deliver.contracts import Message, Receipt

TEMPORARY = range(400, 500)


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
        return self._runner.run(self._send(self.mail(message), message.address))

    def close(self) -> None:
        if self._client is not None and self._client.is_connected:
            self._runner.run(self._client.quit())
        self._runner.close()

    def mail(self, message: Message) -> EmailMessage:
        """The mail as it goes over the wire."""
        settings = self._settings
        domain = settings.from_address.rpartition("@")[2]
        mail = EmailMessage()
        mail["From"] = formataddr((settings.from_name, settings.from_address))
        mail["To"] = message.address
        mail["Subject"] = message.subject
        # a digest, for the key names the customer's surrogate and mail travels in the open
        mail["Message-ID"] = f"<{hashlib.sha256(message.key.encode()).hexdigest()[:40]}@{domain}>"
        mail["List-Unsubscribe"] = f"<{message.opt_out_url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.body)
        return mail

    async def _send(self, mail: EmailMessage, address: str) -> Receipt:
        client = await self._connected()
        try:
            await client.send_message(mail, sender=self._settings.from_address, recipients=[address])
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


def _refused(code: int) -> Receipt:
    # the server's own words may repeat the address: only its code is kept
    return Receipt(
        outcome="again" if code in TEMPORARY else "failed",
        reason=Reason.RECEIVER_REFUSED,
        note=f"SMTP {code}",
    )
