"""Every table of the product, gathered in one place for alembic and for the test that models equal the schema."""

# ruff: noqa: F401 - each import registers its tables
import consent.models
import core.access
import core.changes
import core.installation
import core.ledger
import core.sellers
import core.timestamps
import dnc.auditor.models
import dnc.call_records.models
import dnc.models
import dnc.registers.retractions
import dnc.reservations
import dnc.screenings.models
import dnc.seller_rules.models
import jobs.models
import leads.mappings
import leads.models
import web.models
from core.database import Base

metadata = Base.metadata
