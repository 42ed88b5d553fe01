"""The web application for gunicorn: ``gunicorn wsgi:app``; ``ringklar serve`` does it with the right options."""

import gc

from app import create_app
from core.clock import SystemClock
from core.config import load_settings
from service import build_service
from web.observe import log_as_json

settings = load_settings()
log_as_json(settings.log_level)
service = build_service(settings, SystemClock(), for_requests=True)
service.require_schema()
service.gate.make_ready()
app = create_app(service)

# Whatever lives as long as the process is put aside from the garbage collector, and it looks less often: with the
# defaults it would walk all of it again and again while a batch of ten thousand is being answered.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)
