"""One path."""

from __future__ import annotations

from django.urls import path

from .views import ReferralView

urlpatterns = [path("v1/referrals", ReferralView.as_view())]
