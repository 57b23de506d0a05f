"""FINESS, RPPS, Ameli and BPE: from file to practitioners and facilities, with the ledger."""
