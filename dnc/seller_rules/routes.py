"""The API of sellers' own rules: what a seller asks of itself beyond the law."""

from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import NotFound
from core.sellers import seller_of
from core.store import Store
from dnc.seller_rules.schemas import NewRules, RulesDocument, RulesHistory, rules_document
from dnc.seller_rules.setting import RulesChanged, RulesRefused, rules_of, set_rules
from web.endpoint import Api


def seller_rules_api(store: Store) -> Api:
    """Return the endpoints by which a seller's own rules are read and set."""
    api = Api("seller_rules", store)
    clock = store.clock

    @api.get("/v1/sellers/<slug>/rules", right=Right.READ_SELLER_RULES, problems=[NotFound])
    def read_seller_rules(slug: str, caller: Caller, session: Session) -> RulesHistory:
        """Return every version of a seller's own rules, the one in force first."""
        versions = rules_of(session, caller, seller=seller_of(session, caller, slug))
        return RulesHistory(versions=[rules_document(version) for version in versions])

    @api.post(
        "/v1/sellers/<slug>/rules",
        right=Right.SET_SELLER_RULES,
        status=201,
        problems=[NotFound, RulesRefused, RulesChanged],
    )
    def set_seller_rules(slug: str, body: NewRules, caller: Caller, session: Session) -> RulesDocument:
        """Set a seller's own rules, for every check from now on; a rule that would widen the law is refused."""
        seller = seller_of(session, caller, slug)
        made = set_rules(session, caller, seller=seller, rules=body.rules, because=body.because, now=clock.now())
        return rules_document(made)

    return api
