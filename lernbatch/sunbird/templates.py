"""Certificate templates: assets of the content service, or entries of the certificate service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from lernbatch.config import Config
from lernbatch.sunbird.files import Files
from lernbatch.sunbird.http import NoAddress, Remote, Reply, Unreachable, UpstreamEmpty, bearer, mapping, text

_FIELDS = "certType,artifactUrl,issuer,signatoryList,name,data"


class TemplateUnreadable(Unreachable):
    """Neither service gave an answer that can be read (contract batches §4.1, A29)."""

    message = "Exception while validating template with cert service"


@dataclass(frozen=True, slots=True)
class CertificateTemplateAsset:
    """A template as the service keeps it. `template_id` "": the answer carried none (A30).

    `issuer`, `signatories`: None when the asset has none. `data`: as sent, whatever its type (A33).
    """

    template_id: str
    name: str
    artifact_url: str
    issuer: Mapping[str, Any] | None
    signatories: Sequence[Any] | None
    data: Any

    @property
    def title(self) -> str:
        """The certificate's name: the title in its data, else its own name."""
        return text(mapping(self.data).get("title")) or self.name


class Templates:
    """Calls that read templates (contract batches §5.1)."""

    def __init__(self, content: Remote, certificates: Remote, files: Files, config: Config) -> None:
        self._content, self._certificates, self._files, self._config = content, certificates, files, config
        self._headers = bearer(config.platform_api_key)

    async def template(self, template_id: str) -> CertificateTemplateAsset | None:
        """The template; None when neither service knows it (A26).

        Raises: UpstreamEmpty (A27), UpstreamRefused (A28), TemplateUnreadable (A29); NoAddress.
        """
        try:
            reply = await self._read(self._content, self._config.template_read_path, template_id)
            if reply.status == 404:
                reply = await self._read(self._certificates, self._config.certificate_template_read_path, template_id)
        except (UpstreamEmpty, NoAddress):
            raise
        except Unreachable as failure:
            raise TemplateUnreadable(failure.detail, status=failure.status) from failure
        return None if reply.status == 404 else read_asset(reply.result)

    async def picture(self, url: str) -> bytes:
        """The bytes under `url`: a path of the content service, or an address somewhere else. Raises: Unreachable."""
        return await (self._content if url.startswith("/") else self._files).fetch(url)

    async def _read(self, remote: Remote, path: str, template_id: str) -> Reply:
        return await remote.get(
            f"{path.rstrip('/')}/{quote(template_id, safe='')}", query={"fields": _FIELDS}, headers=self._headers
        )


def read_asset(result: Mapping[str, Any]) -> CertificateTemplateAsset:
    """A template as either of its services answers it; what it lacks is empty or None."""
    asset = mapping(result.get("content") or result.get("asset") or mapping(result.get("certificate")).get("template"))
    issuer, signatories = asset.get("issuer"), asset.get("signatoryList")
    return CertificateTemplateAsset(
        template_id=text(asset.get("identifier")),
        name=text(asset.get("name")),
        artifact_url=text(asset.get("artifactUrl")),
        issuer=issuer if isinstance(issuer, dict) and issuer else None,
        signatories=signatories if isinstance(signatories, list) and signatories else None,
        data=asset.get("data"),
    )
