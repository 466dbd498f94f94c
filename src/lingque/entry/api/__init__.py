"""The HTTP API: JSON under /v1 for colleagues with an API key, one public page for customers who refuse, two probes.

What always holds: a route under /v1 answers nobody whom it does not know, a POST repeated under its
`Idempotency-Key` is answered and not done again, every error is a problem document (RFC 9457), and neither an
answer nor a log line repeats what a caller sent.
"""
