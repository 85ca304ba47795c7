"""HTTP: routing, requests, tokens, envelopes, the description of the API, the server."""
