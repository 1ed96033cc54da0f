"""The Celery application, configured from Settings."""

from __future__ import annotations

import os

from celery import Celery

from okapi_install.adapters.celery.private_parts import GatheringEvents, PromptAMQP
from okapi_install.adapters.celery.settings import celery_settings
from okapi_install.bootstrap import required_broker
from okapi_install.config import Settings

settings = Settings.load(os.environ)
app = Celery("okapi-install", amqp=PromptAMQP, events=GatheringEvents, include=["worker.tasks", "worker.signals"])
app.conf.update(celery_settings(required_broker(settings)), worker_concurrency=settings.concurrency)
