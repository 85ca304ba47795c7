"""The sandbox: bundled stubs of the platform's other services, which answer the same paths from imported files.

They serve demo, development and tests; an installation names its own services in the settings.
"""

from lernbatch.database.migrate import Migrations

MIGRATIONS = Migrations("sandbox.migrations", "sandbox_migration")
