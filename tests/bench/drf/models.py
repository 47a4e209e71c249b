"""One row a referral."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models


class Referral(models.Model):
    """A referral as it was validated."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    received_at = models.DateTimeField(auto_now_add=True)
    instrument = models.CharField(max_length=100)
    agency_reference = models.CharField(max_length=200)
    issued_at = models.DateTimeField(null=True)
    language = models.CharField(max_length=35)
    category = models.CharField(max_length=100)
    keywords = models.JSONField(default=list)
    operation = models.JSONField(null=True)
    grounds = models.JSONField()
    items = models.JSONField(encoder=DjangoJSONEncoder)
    urgency = models.JSONField(null=True)
    disclosure = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    contact = models.JSONField(null=True)
