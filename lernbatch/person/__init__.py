"""People: their profiles and consents, sealed at rest."""
