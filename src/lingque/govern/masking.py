"""What is shown of an identifier to whoever may see the customer, but has given no reason to see more."""

from __future__ import annotations


def masked(kind: str, value: str) -> str:
    """王*, 138****1234, l***@mail.example; of any other kind nothing but that there is one."""
    match kind:
        case "name":
            return value[:1] + "*" * max(len(value) - 1, 1)
        case "phone" if len(value) >= 11:
            # a country's code stays: +86138****1234
            return value[:-8] + "****" + value[-4:]
        case "email" if "@" in value:
            local, _, domain = value.rpartition("@")
            return f"{local[:1]}***@{domain}"
        case _:
            return "****"
