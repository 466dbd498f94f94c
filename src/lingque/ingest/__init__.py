"""From the bank's files to accepted rows and a quarantine.

In: files as a source delivers them, tables of its databases, and the mapping SQL that turns them into a contract's
columns. Out: rows of the data plane, identifiers in the vault, consents in the register, bad rows in the quarantine.
Always: every row that came in is accounted for (accepted + repeated + quarantined + dismissed = read), a delivery is
published as a whole or not at all, and no source key or identifier enters the data plane.
"""
