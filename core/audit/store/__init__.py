"""Where audits are kept: one database, its tables, and the questions asked of it."""
