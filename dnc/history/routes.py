"""The API of look-ups: everything on a number, in two times."""

from core.access import Caller, Right
from core.errors import Forbidden
from core.store import Store
from dnc.gathering import Listed
from dnc.history.rendering import look_up_document
from dnc.history.schemas import LookUpDocument
from dnc.history.timeline import timeline
from dnc.lookups import look_up, looking_up, readable
from dnc.schemas import LookUpQuestion
from web.endpoint import Api


def lookups_api(store: Store, listed: Listed) -> Api:
    """Return the endpoint that looks numbers up."""
    api = Api("lookups", store)

    @api.post("/v1/lookups", right=Right.LOOK_UP, problems=[Forbidden], repeatable=True)
    def look_up_number(body: LookUpQuestion, caller: Caller) -> LookUpDocument:
        """Return everything on a number that the caller's role may see; the look-up is itself on record."""
        number, now = readable(body.number, body.region), store.clock.now()
        moments = {"as_of": body.as_of, "known_at": body.known_at}
        with looking_up(store, caller, number=number, **moments, now=now) as session:
            record = look_up(session, caller, number=number, **moments, now=now)
            past = timeline(session, caller, listed, number=number, **moments, now=now)
        return look_up_document(record, past)

    return api
