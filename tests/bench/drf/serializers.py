"""The referral's fields, checked as a DRF project checks them."""

from __future__ import annotations

from rest_framework import serializers

from notice_intake.contract.referrals import HASHES
from notice_intake.core.catalogue import KEYWORDS, NOTICE_CATEGORIES
from notice_intake.core.codes import ContentKind, Disclosure, GroundKind

_LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$"


class OperationSerializer(serializers.Serializer):
    code = serializers.RegexField(r"^[A-Za-z0-9._-]+$", max_length=64)
    name = serializers.CharField(max_length=200, required=False)


class GroundSerializer(serializers.Serializer):
    kind = serializers.ChoiceField([str(one) for one in GroundKind])
    reference = serializers.CharField(max_length=500, required=False)
    explanation = serializers.CharField(max_length=20_000, required=False)


class HashSerializer(serializers.Serializer):
    algorithm = serializers.ChoiceField(list(HASHES))
    value = serializers.RegexField(r"^[0-9A-Fa-f]{32,288}$", max_length=288)

    def validate(self, attrs):
        if len(attrs["value"]) != HASHES[attrs["algorithm"]]:
            raise serializers.ValidationError("This digest has another length.")
        return attrs


class TargetSerializer(serializers.Serializer):
    kind = serializers.ChoiceField(["url", "account", "channel", "file"])
    url = serializers.URLField(max_length=2048, required=False)
    id = serializers.CharField(max_length=200, required=False)
    handle = serializers.CharField(max_length=200, required=False)
    hashes = HashSerializer(many=True, required=False)


class ContentSerializer(serializers.Serializer):
    kind = serializers.ChoiceField([str(one) for one in ContentKind], required=False)
    languages = serializers.ListField(child=serializers.RegexField(_LANGUAGE), max_length=10, required=False)
    producer = serializers.CharField(max_length=200, required=False)
    published_at = serializers.DateTimeField(required=False)
    graphic = serializers.BooleanField(required=False)
    title = serializers.CharField(max_length=500, required=False)
    also_at = serializers.ListField(child=serializers.CharField(max_length=2048), max_length=50, required=False)


class ItemSerializer(serializers.Serializer):
    reference = serializers.CharField(max_length=200)
    target = TargetSerializer()
    content = ContentSerializer(required=False)
    reasons = serializers.CharField(max_length=20_000, required=False)


class UrgencySerializer(serializers.Serializer):
    threat_to_life = serializers.BooleanField(required=False)
    explanation = serializers.CharField(max_length=2000, required=False)


class DisclosureSerializer(serializers.Serializer):
    uploader = serializers.ChoiceField([str(one) for one in Disclosure])
    until = serializers.DateTimeField(required=False)


class ContactSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=200, required=False)
    email = serializers.EmailField(max_length=320, required=False)
    phone = serializers.CharField(max_length=50, required=False)


class ReferralSerializer(serializers.Serializer):
    instrument = serializers.ChoiceField(["eu.iru.referral"])
    agency_reference = serializers.CharField(max_length=200)
    issued_at = serializers.DateTimeField(required=False)
    language = serializers.RegexField(_LANGUAGE, max_length=35)
    operation = OperationSerializer(required=False)
    category = serializers.ChoiceField(list(NOTICE_CATEGORIES))
    keywords = serializers.ListField(child=serializers.ChoiceField(list(KEYWORDS)), max_length=20, required=False)
    grounds = GroundSerializer(many=True, min_length=1, max_length=10)
    items = ItemSerializer(many=True, min_length=1, max_length=100)
    urgency = UrgencySerializer(required=False)
    disclosure = DisclosureSerializer(required=False)
    contact = ContactSerializer(required=False)
