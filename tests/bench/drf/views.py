"""The view: who it is, what it says, one row, and a receipt."""

from __future__ import annotations

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from .models import Referral
from .serializers import ReferralSerializer


class ReferralView(APIView):
    def post(self, request: Request) -> Response:
        serializer = ReferralSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        referral = Referral.objects.create(agency=request.user, **serializer.validated_data)
        receipt = {"id": referral.id, "agency_reference": referral.agency_reference}
        return Response({**receipt, "received_at": referral.received_at}, status=status.HTTP_201_CREATED)
