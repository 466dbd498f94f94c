"""Leave and trace: who may do what, with whose data, for which purpose, and who did.

In: questions (may this customer be contacted?) and acts (approve, withdraw, release). Out: Permits, Refusals, and an
audit entry per act. Always: only this package makes a `Permit`; identifiers leave the vault one at a time, against a
Permit; nobody approves their own work.
"""
