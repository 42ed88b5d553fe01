"""The web application for gunicorn: ``gunicorn wsgi:app``; ``ringklar serve`` does it with the right options."""

from app import build_service, create_app
from core.clock import SystemClock
from core.config import load_settings
from web.observe import log_as_json

settings = load_settings()
log_as_json(settings.log_level)
service = build_service(settings, SystemClock())
service.require_schema()
app = create_app(service)
