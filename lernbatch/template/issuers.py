"""Who vouches for certificates: the organisation that a batch is for, or the installation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lernbatch.services import Services
from lernbatch.template import rules


async def names(services: Services, created_for: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Batch id → who vouches for its certificates. `created_for`: the batches' organisations. Raises: Upstream."""
    config = services.config
    vouching = {
        batch_id: rules.vouching_organisation(organisations, config.certificate_issuer)
        for batch_id, organisations in created_for.items()
    }
    org_ids = {org_id for org_id in vouching.values() if org_id is not None}
    organisations = await services.sunbird.organisations.find(org_ids) if org_ids else {}
    return {
        batch_id: (organisations[org_id].name if org_id in organisations else "") or config.certificate_issuer_name
        for batch_id, org_id in vouching.items()
    }
