"""The database: opening, migrations, statements, coalesced calls."""
