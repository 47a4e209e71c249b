"""The command and a platform on one machine."""

from __future__ import annotations

from flask import Flask

from notice_intake import NoticeIntake
from notice_intake.testing import FakeModerators, FakePlatform


def test_what_the_command_reads_is_no_setting_of_a_platform(monkeypatch, tmp_path):
    for name in ("URL", "TOKEN", "WEBHOOK_SECRET"):
        monkeypatch.setenv(f"NOTICE_INTAKE_{name}", "x")
    app = Flask("host", instance_path=str(tmp_path))
    mount = NoticeIntake(platform=FakePlatform(), moderators=FakeModerators()).init_app(app)
    assert mount.settings.channel
