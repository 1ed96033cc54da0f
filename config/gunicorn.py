"""gunicorn's settings: `gunicorn -c config/gunicorn.py okapi_install.web.wsgi:app`.

They are those of `okapi-install api`, taken from our own settings, so that both ways to start the API are one:

bind              `listen`. Without an API key only this machine's own address is accepted.
worker_class      our own, on gthread: a request gets a thread once it has arrived. What is too slow is closed.
workers           1. A second API process is a second container or service, behind the same load balancer; the
                  processes share nothing but the database and the broker.
threads           `api_threads`. Each long poll, synchronous install and event stream holds one.
timeout           0: a request may wait for a job that takes hours.
graceful_timeout  short: who waits at a stop connects again, and the job goes on in the worker.
keepalive         longer than that of common load balancers, which must not find a connection closed as they use it.

What is assigned below this line changes one of them for this deployment.
"""

from __future__ import annotations

import os

from okapi_install.config import Settings
from okapi_install.logs import set_up_logging
from okapi_install.web.server import gunicorn_options

_settings = Settings.load(os.environ)
_settings.check_door()
set_up_logging(_settings.log_level, _settings.log_format)

globals().update(gunicorn_options(_settings))
