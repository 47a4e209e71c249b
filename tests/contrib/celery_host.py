"""A platform with a Celery of its own, as a module that ``celery -A`` and the tests import alike."""

from __future__ import annotations

import os

from celery import Celery
from flask import Flask

from notice_intake import NoticeIntake
from notice_intake.contrib.celery import wake_with_celery
from notice_intake.testing import FakeModerators, FakePlatform


def make(storage_url: str, broker: str) -> tuple[Flask, Celery]:
    """The same platform in each process."""
    app = Flask("host")
    app.testing = True
    intake = NoticeIntake(
        platform=FakePlatform(),
        moderators=FakeModerators(),
        storage_url=storage_url,
        secret_keys=("k" * 40,),
        callback_networks=("127.0.0.0/8",),
        undo_seconds=0,
    )
    intake.init_app(app)
    queue = Celery("host", broker=broker)
    queue.conf.update(
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=2,
        broker_transport_options={"socket_connect_timeout": 2, "socket_timeout": 5},
        worker_hijack_root_logger=False,
    )
    wake_with_celery(app, queue)
    return app, queue


if "CELERY_HOST_STORAGE" in os.environ:
    app, celery_app = make(os.environ["CELERY_HOST_STORAGE"], os.environ["CELERY_HOST_BROKER"])
