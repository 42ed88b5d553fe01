"""The web application: every blueprint, and how its callers show who they are."""

import os
from functools import partial
from importlib.metadata import version

from flask import Blueprint, Flask, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.middleware.proxy_fix import ProxyFix

from consent.routes import grounds_api
from console.blueprint import console_blueprint, install_console, session_check, static_blueprint
from core.clock import utc
from core.database import is_ready
from dnc.arrival_routes import arrivals_api
from dnc.auditor.routes import auditor_api
from dnc.call_records.routes import call_records_api
from dnc.export_routes import exports_api
from dnc.history.routes import lookups_api
from dnc.hold_routes import holds_api
from dnc.oversight.routes import oversight_api
from dnc.registers.change_routes import register_changes_api
from dnc.registers.routes import registers_api
from dnc.routes import checks_api, dnc_api
from dnc.screenings.routes import screenings_api
from dnc.seller_rules.routes import seller_rules_api
from dnc.tokens import CheckTokens
from jobs.health import JobsState, jobs_health
from leads.mapping_routes import mappings_api
from leads.queries import has_lead_file
from leads.receipt_routes import receipts_api
from leads.reference_routes import references_api
from leads.routes import lead_files_api
from leads.supplier_routes import suppliers_api
from migrations.revisions import current, head
from service import Service, read_beside, screen_arrival, screen_beside
from web.auth import Auth, KnownKeys, install_auth, register
from web.direct import DirectWay
from web.endpoint import Api, Operation
from web.observe import install_observation, metrics
from web.openapi import describe
from web.problems import install_problems
from web.uploads import install_uploads


def create_app(service: Service) -> Flask:
    """Return the web application; every blueprint says here how its callers show who they are."""
    app = Flask("ringklar", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=64 * 1024, MAX_FORM_MEMORY_SIZE=64 * 1024)
    install_observation(app)
    known = KnownKeys(service.store)
    install_auth(app, service.store, known)
    install_problems(app)
    install_uploads(app, service.settings.data_dir / "uploads")
    apis = all_apis(service)
    for api in apis:
        register(app, api.blueprint, Auth.API_KEY)
    operations = [operation for api in apis for operation in api.operations]
    register(app, _open_blueprint(service, operations), Auth.PUBLIC)
    install_console(app, service.settings)
    pages = console_blueprint(service.store, service.gate, service.settings)
    register(app, pages, Auth.SESSION, session_check(service.store, service.settings))
    register(app, static_blueprint(service.settings), Auth.PUBLIC)
    direct = [view for api in apis for view in api.direct]
    app.wsgi_app = DirectWay(app.wsgi_app, direct, known)  # type: ignore[method-assign] # Flask's own way
    if service.settings.trusted_proxies:
        hops = service.settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def all_apis(service: Service) -> list[Api]:
    """Return every group of JSON endpoints."""
    store = service.store
    return [
        checks_api(store, service.gate),
        dnc_api(store, service.shelf.listed),
        holds_api(store),
        lookups_api(store, service.shelf.listed),
        registers_api(store, service.settings.registers_dir, service.shelf.is_readable),
        register_changes_api(store, service.settings.registers_dir),
        lead_files_api(
            store, service.lead_files, partial(read_beside, service.settings), partial(screen_arrival, service)
        ),
        receipts_api(store, service.lead_files),
        references_api(store),
        mappings_api(store),
        suppliers_api(store),
        grounds_api(store, has_lead_file),
        oversight_api(store),
        auditor_api(store),
        call_records_api(store, service.shelf.listed, service.settings.data_dir / "uploads"),
        seller_rules_api(store),
        arrivals_api(store),
        exports_api(store, service.shelf.listed),
        screenings_api(service.screenings, service.screened_files, partial(screen_beside, service.settings)),
    ]


def _open_blueprint(service: Service, operations: list[Operation]) -> Blueprint:
    """Return what is open to all: health, metrics, the API's description, the keys of tokens. None is of a person."""
    blueprint = Blueprint("open", __name__)
    description = describe(operations, version=version("ringklar"))
    key_set = CheckTokens(service.keyring.token_key).key_set

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        return jsonify(description)

    @blueprint.get("/v1/keys")
    def keys() -> Response:
        return jsonify(key_set)

    @blueprint.get("/health/live")
    def live() -> Response:
        return jsonify(status="live")

    @blueprint.get("/health/ready")
    def ready() -> Response:
        try:
            is_current = is_ready(service.store.engine) and current(service.store.engine) == head()
        except SQLAlchemyError:
            is_current = False
        response = jsonify(status="ready" if is_current else "not ready")
        response.status_code = 200 if is_current else 503
        return response

    @blueprint.get("/health/jobs")
    def jobs() -> Response:
        with service.store.reading() as session:
            found = jobs_health(session, service.clock.now())
        response = jsonify(status=found.state, ended_at=utc(found.ended_at), failing=found.failing)
        response.status_code = 200 if found.state is JobsState.RUNNING else 503
        return response

    @blueprint.get("/metrics")
    def measured() -> Response:
        return metrics(os.environ.get("PROMETHEUS_MULTIPROC_DIR"))

    return blueprint
