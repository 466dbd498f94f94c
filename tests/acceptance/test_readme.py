"""What the README tells people to type works as it says, in both languages."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path
from smtplib import SMTP
from subprocess import DEVNULL, PIPE, Popen

import httpx
from shell import COMMAND, PROJECT, Shell

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[str]:
    """Every line of every shell block."""
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_the_tour_can_be_walked(shell: Shell, tmp_path: Path) -> None:
    lines = commands(PROJECT / "README.md")
    of_make = [line for line in lines if line.startswith("make ")]
    tour = [line for line in lines if line not in of_make]
    assert len(of_make) == 2
    assert len(tour) > 10
    for line in of_make:  # these run this very test; that the targets exist is what can be tested here
        shell.at(PROJECT).run(["make", "--dry-run", line.split()[1]])
    printed = shell.at(tmp_path).run(["bash", "-euxc", "\n".join(tour)], timeout=1200)
    assert "ROLE_NOT_ALLOWED" in printed
    assert "OUTCOME_NOT_YET_KNOWN" in printed
    assert "TOO_FEW_EXAMPLES" in printed
    assert "NOT_REVIEWED" in printed
    assert (tmp_path / "my-bank" / "page.html").is_file()
    assert (tmp_path / "my-bank" / "definitions-in-force" / "definitions" / "caps.yaml").is_file()


def test_both_languages_say_the_same_commands() -> None:
    def bare(page: str) -> list[str]:
        lines = (re.sub(r'echo ".*"| --language en|\s+#.*', "", line) for line in commands(PROJECT / page))
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
