"""Text as JSON, for documents that are put together by hand since every referral needs them."""

from __future__ import annotations

from json.encoder import encode_basestring

#: Returns a text in quotes, as ``json.dumps(text, ensure_ascii=False)`` does: what that comes to in the end.
quoted = encode_basestring
