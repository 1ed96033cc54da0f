"""The application for any WSGI server: `gunicorn -c config/gunicorn.py okapi_install.web.wsgi:app`."""

from __future__ import annotations

import os

from okapi_install.config import Settings
from okapi_install.logs import set_up_logging
from okapi_install.web.blueprints import start_app

_settings = Settings.load(os.environ)
set_up_logging(_settings.log_level, _settings.log_format)
app = start_app(_settings)
