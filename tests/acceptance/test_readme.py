"""What the README tells people to type works as it says, in both languages; its tour is walked in `test_demo`."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path
from smtplib import SMTP
from subprocess import DEVNULL, PIPE, Popen

import httpx
from shell import COMMAND, PROJECT, Shell, commands_of


def test_what_the_readme_makes_can_be_made(shell: Shell) -> None:
    of_make = [line for line in commands_of(PROJECT / "README.md") if line.startswith("make ")]
    assert len(of_make) == 2
    for line in of_make:  # these run this very test; that the targets exist is what can be tested here
        shell.at(PROJECT).run(["make", "--dry-run", line.split()[1]])


def test_both_languages_say_the_same_commands() -> None:
    def bare(page: str) -> list[str]:
        lines = (re.sub(r'echo ".*"| --language en|\s+#.*', "", line) for line in commands_of(PROJECT / page))
        return [line.rstrip() for line in lines]

    assert bare("README.md") == bare("README.zh-CN.md")


def test_the_mailbox_keeps_what_it_receives(shell: Shell, tmp_path: Path) -> None:
    with Popen([str(COMMAND), "mailbox", "mails", "--port", "0"], cwd=tmp_path, stdout=PIPE, text=True) as mailbox:
        try:
            assert mailbox.stdout
            port = re.search(r"127\.0\.0\.1:(\d+)", mailbox.stdout.readline())
            assert port
            with SMTP("127.0.0.1", int(port[1])) as client:
                client.sendmail("a@bank.example", ["b@bank.example"], "Message-ID: <1@bank.example>\r\n\r\nhello\r\n")
        finally:
            mailbox.terminate()
    (kept,) = (tmp_path / "mails").glob("*.eml")
    assert b"hello" in kept.read_bytes()


def test_serve_answers(shell: Shell, tmp_path: Path) -> None:
    shell.at(tmp_path)("init", "bank")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["serve", "--port", str(port), "--workspace", "bank"]
    with Popen([str(COMMAND), *arguments], cwd=tmp_path, stdout=DEVNULL, stderr=DEVNULL) as server:
        try:
            assert _first_answer(port, "/readyz") == 200
            assert _first_answer(port, "/openapi.json") == 200
        finally:
            server.terminate()


def _first_answer(port: int, path: str, seconds: float = 120) -> int:
    end = time.monotonic() + seconds
    while True:
        try:
            return httpx.get(f"http://127.0.0.1:{port}{path}").status_code
        except httpx.TransportError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
