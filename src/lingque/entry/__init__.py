"""How people and machines come in: the command line, the HTTP API, the demo.

Nothing is decided here. HTTP statuses and exit codes are chosen here and nowhere else.
"""
